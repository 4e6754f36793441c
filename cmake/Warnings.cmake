# Warnings for our own code; third-party headers come in as SYSTEM includes.
add_library(cecollm_warnings INTERFACE)
target_compile_options(cecollm_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow
                                                  -Wnon-virtual-dtor -Werror)
# Larger batches of sources, in which a file's names may be hidden by another's; release has the warning.
if(CECOLLM_SANITIZE)
  target_compile_options(cecollm_warnings INTERFACE -Wno-shadow)
endif()
# GCC 12 reports string concatenation at -O3 as overlapping copies (GCC bug 105651), GCC 13 the growth
# of a vector as copies beyond its end (GCC bug 114758).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  target_compile_options(cecollm_warnings INTERFACE -Wno-restrict
                                                    $<$<VERSION_GREATER_EQUAL:${CMAKE_CXX_COMPILER_VERSION},13>:-Wno-stringop-overflow>)
endif()
