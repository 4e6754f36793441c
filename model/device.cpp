#include "model/device.hpp"

#include <charconv>

#include "model/quoting.hpp"

namespace cecollm::model {

Result<Device> parse_device(std::string_view text) {
  if (text == "cpu") return Device{};
  if (text == "cuda") return Device{Device::Kind::cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    const auto number = text.substr(prefix.size());
    // Three digits are more devices than a machine has, and fit every integer.
    Device device{Device::Kind::cuda, 0};
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), device.index);
    const bool whole = error == std::errc() && end == number.data() + number.size();
    if (whole && device.index >= 0 && number.size() <= 3) return device;
  }
  return fail(ErrorCode::unsupported,
              in_quotes(text) + " is no device; use cpu, cuda, or cuda:N for one of several");
}

std::string name_of(const Device& device) {
  if (device.kind == Device::Kind::cpu) return "cpu";
  return "cuda:" + std::to_string(device.index);
}

}  // namespace cecollm::model
