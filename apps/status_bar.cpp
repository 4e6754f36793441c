#include "apps/status_bar.hpp"

#include <iomanip>
#include <sstream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace cecollm::apps {
namespace {

int terminal_rows() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_row;
}

}  // namespace

StatusBar::StatusBar(std::ostream& out, bool terminal)
    : out_(out), rows_(terminal ? terminal_rows() : 0) {
  if (rows_ < 2) rows_ = 0;
  // The text scrolls above the last line only.
  if (rows_ > 0) out_ << "\n\x1b[1;" << rows_ - 1 << "r\x1b[" << rows_ - 1 << ";1H" << std::flush;
}

StatusBar::~StatusBar() {
  if (rows_ > 0) out_ << "\x1b[r\x1b[" << rows_ << ";1H\n" << std::flush;
}

void StatusBar::show(std::chrono::milliseconds elapsed, const actors::LinkReport& link,
                     const policy::SourceCounts& counts) {
  const auto line = status_line(elapsed, link, counts);
  if (rows_ > 0) {
    out_ << "\x1b\x37\x1b[" << rows_ << ";1H\x1b[7m" << line << "\x1b[K\x1b[0m\x1b\x38"
         << std::flush;
  } else if (state_ != link.state) {
    out_ << "\n[" << line << "]\n" << std::flush;
  }
  state_ = link.state;
}

std::string status_line(std::chrono::milliseconds elapsed, const actors::LinkReport& link,
                        const policy::SourceCounts& counts) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << std::chrono::duration<double>(elapsed).count()
       << " s  " << policy::name_of(link.state) << " (" << policy::name_of(link.reason) << ")";
  text << std::setprecision(0);
  if (!link.connected) {
    text << "  no connection";
  } else if (link.rtt) {
    text << "  rtt " << Milliseconds(*link.rtt).count() << " ms";
  }
  if (link.connected && link.goodput_up) {
    text << std::setprecision(1) << "  up " << *link.goodput_up * 8 / 1e6 << " Mbit/s"
         << std::setprecision(0);
  }
  if (const auto all = static_cast<double>(counts.total()); all > 0) {
    const auto cloud = static_cast<double>(counts.cloud());
    const auto fallback = static_cast<double>(counts.fallback());
    text << "  exits " << 100 * (all - cloud - fallback) / all << " %  cloud " << 100 * cloud / all
         << " %  fallback " << 100 * fallback / all << " %";
  }
  return text.str();
}

}  // namespace cecollm::apps
