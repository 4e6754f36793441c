#include <sstream>

#include "load/report_json.hpp"

namespace cecollm::load {
namespace {

double milliseconds(RunTime time) {
  return seconds_of(time) * 1e3;
}

std::string error_kinds(const RequestRecord& request) {
  std::string kinds;
  for (const auto kind : all_error_kinds) {
    for (const auto& error : request.errors) {
      if (error.kind != kind) continue;
      if (!kinds.empty()) kinds += '|';
      kinds += name_of(kind);
      break;
    }
  }
  return kinds;
}

}  // namespace

std::string to_csv(const RunLog& log) {
  std::ostringstream csv;
  csv << "request,edge,prompt,due_ms,sent_ms,end,prompt_tokens,output_tokens,ttft_ms,tpot_ms,"
         "e2e_ms,asks,cloud_wait_ms,replies_checked,replies_tolerated,fallbacks,bytes_up,"
         "bytes_down,rows_up,rows_resent,errors\n";
  for (const auto& request : log.requests) {
    RunTime wait{0};
    for (const auto& ask : request.asks) wait += ask.wait;
    policy::SourceCounts counts;
    for (const auto& token : request.tokens) counts.add(token.source);
    csv << request.number << ',' << request.edge << ',' << request.prompt << ','
        << milliseconds(request.due) << ',' << milliseconds(request.sent) << ','
        << name_of(request.end) << ',' << request.prompt_tokens << ',' << request.tokens.size()
        << ',';
    if (!request.tokens.empty()) csv << time_to_first_token(request) * 1e3;
    csv << ',';
    if (request.tokens.size() > 1) csv << time_per_output_token(request) * 1e3;
    csv << ',';
    if (!request.tokens.empty()) csv << end_to_end(request) * 1e3;
    csv << ',' << request.asks.size() << ',' << milliseconds(wait) << ',' << request.replies_checked
        << ',' << request.replies_tolerated << ',' << counts.fallback() << ','
        << request.upload.bytes_up << ',' << request.upload.bytes_down << ','
        << request.upload.rows_up << ',' << request.upload.rows_resent << ','
        << error_kinds(request) << '\n';
  }
  return csv.str();
}

}  // namespace cecollm::load
