# Run by ctest, for a file of cecollm_discover_suites that sets program, name and properties.
if(NOT EXISTS "${program}")
  add_test("${name}_NOT_BUILT" "${name}_NOT_BUILT")
  return()
endif()
execute_process(COMMAND "${program}" --gtest_list_tests
                OUTPUT_VARIABLE listing RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${program} does not list its tests: ${status}")
endif()
# A suite is a line "Name." or "Name.  # TypeParam = …"; its tests are indented.
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\.( +#[^\n]*)?\n" suites "\n${listing}")
foreach(suite IN LISTS suites)
  string(REGEX REPLACE "^\n?([A-Za-z0-9_/]+)\\..*" "\\1" suite "${suite}")
  add_test("${suite}" "${program}" "--gtest_filter=${suite}.*")
  set_tests_properties("${suite}" PROPERTIES ${properties})
endforeach()
