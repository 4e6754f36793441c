#include "load/request_log.hpp"

namespace cecollm::load {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::wrong_reply:
      return "wrong reply";
    case ErrorKind::wrong_source:
      return "wrong source";
    case ErrorKind::late:
      return "late";
    case ErrorKind::lost:
      return "lost";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::skipped:
      return "skipped";
    case ErrorKind::failed:
      return "failed";
  }
  return "unknown";
}

ErrorKind error_of(monitoring::AskOutcome outcome) {
  switch (outcome) {
    case monitoring::AskOutcome::late:
      return ErrorKind::late;
    case monitoring::AskOutcome::refused:
      return ErrorKind::refused;
    case monitoring::AskOutcome::skipped:
      return ErrorKind::skipped;
    case monitoring::AskOutcome::lost:
    case monitoring::AskOutcome::answered:
      break;
  }
  return ErrorKind::lost;
}

std::string_view name_of(RequestEnd end) {
  switch (end) {
    case RequestEnd::completed:
      return "completed";
    case RequestEnd::failed:
      return "failed";
    case RequestEnd::cut_off:
      return "cut off";
  }
  return "unknown";
}

}  // namespace cecollm::load
