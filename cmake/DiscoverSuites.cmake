# cecollm_discover_suites(TARGET [PROPERTIES NAME VALUE …]): an entry of ctest for each test suite of
# the program TARGET, named after the suite. A process for each test would spend most of its time on
# loading libtorch. Suites are asked of the program when ctest starts, as gtest_discover_tests does.
function(cecollm_discover_suites target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "PROPERTIES")
  set(include_file ${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake)
  file(GENERATE OUTPUT ${include_file} CONTENT
    "set(program [==[$<TARGET_FILE:${target}>]==])
set(name ${target})
set(properties [==[${ARG_PROPERTIES}]==])
include([==[${PROJECT_SOURCE_DIR}/cmake/suites_of_program.cmake]==])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${include_file})
endfunction()
