#include "actors/trace_writer.hpp"

namespace cecollm::actors {

void trace_writer(caf::event_based_actor*,
                  const std::shared_ptr<const monitoring::GenerationTrace>& trace,
                  const TraceSetting& setting) {
  const auto written = monitoring::write_trace_file(*trace, setting.file);
  if (!written) {
    setting.logger.error("the trace was not written",
                         {{"why", written.error().message}, {"generation", trace->generation()}});
  } else if (trace->dropped() > 0) {
    setting.logger.warning("the trace is not whole", {{"generation", trace->generation()},
                                                      {"events_dropped", trace->dropped()}});
  }
}

}  // namespace cecollm::actors
