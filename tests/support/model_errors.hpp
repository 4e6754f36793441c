#pragma once
// Assertions on errors of model/: the code, and that the sentence names what it must name.

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/error.hpp"

namespace cecollm::tests {

template <class T>
testing::AssertionResult fails_with(const model::Result<T>& result, model::ErrorCode code,
                                    std::initializer_list<std::string_view> parts) {
  if (result) return testing::AssertionFailure() << "succeeded";
  const auto& error = result.error();
  if (error.code != code) {
    return testing::AssertionFailure() << "code " << static_cast<int>(error.code) << " instead of "
                                       << static_cast<int>(code) << ": " << error.message;
  }
  for (const auto part : parts) {
    if (error.message.find(part) == std::string::npos) {
      return testing::AssertionFailure() << "\"" << part << "\" is not in: " << error.message;
    }
  }
  return testing::AssertionSuccess();
}

/// For ASSERT_TRUE(succeeded(result)): prints the error.
template <class T>
testing::AssertionResult succeeded(const model::Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().message;
}

}  // namespace cecollm::tests
