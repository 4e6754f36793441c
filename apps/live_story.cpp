#include "apps/live_story.hpp"

#include <array>
#include <iomanip>

#include "apps/generation_report.hpp"
#include "apps/status_bar.hpp"
#include "apps/token_painter.hpp"

namespace cecollm::apps {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr int tokens_per_piece = 40;
/// A token at reading speed.
constexpr milliseconds pace{40};
constexpr milliseconds status_interval{100};

constexpr std::array openings{"Once upon a time, there was a clever fox who",
                              "User: What is the capital of Norway?\nAssistant:",
                              "One day the king called his three daughters and",
                              "In a quiet forest there lived an old bear. He"};

}  // namespace

Outcome<void> write_live(EdgeNode& node, const EdgeSettings& settings, const LiveStory& story,
                         std::ostream& out, Termination& termination) {
  auto piece = settings;
  piece.generation.max_tokens = tokens_per_piece;
  TokenPainter painter(out, story.terminal);
  painter.legend();
  StatusBar status(out, story.terminal);
  policy::SourceCounts counts;
  const auto begun = Clock::now();
  const auto show = [&] {
    status.show(duration_cast<milliseconds>(Clock::now() - begun), node.link_report(), counts);
  };
  bool stopped = false;
  for (std::size_t i = 0; !stopped && Clock::now() - begun < story.duration; ++i) {
    const auto piece_begun = Clock::now();
    const std::string prompt = i == 0 ? story.prompt : openings[i % openings.size()];
    painter.paint(prompt, "full");
    const auto report =
        generate_on_edge(node, piece, Prompt{prompt}, [&](const ReportedToken& token) {
          painter.paint(token.text, token.source);
          show();
          stopped = stopped || termination.wait_for(milliseconds(0));
          return !stopped;
        });
    if (!report) return tl::unexpected(report.error());
    counts.add(report->counts);
    out << report->tail() << "\n\n";
    const auto next = piece_begun + tokens_per_piece * pace;
    while (!stopped && Clock::now() < next) {
      show();
      stopped = termination.wait_for(status_interval);
    }
  }
  return {};
}

}  // namespace cecollm::apps
