# One sanitizer a build tree: -DCECOLLM_SANITIZE=address (with UBSan), thread, or fuzzer (address and
# UBSan with libFuzzer, which is Clang's; only for the targets of tests/fuzz).
if(CECOLLM_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(CECOLLM_SANITIZE STREQUAL "thread")
  # GCC's manual: instrumented code gives false positives of that warning. The release preset has it.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=thread)
elseif(CECOLLM_SANITIZE STREQUAL "fuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(NOT CECOLLM_SANITIZE STREQUAL "")
  message(FATAL_ERROR
          "CECOLLM_SANITIZE is '${CECOLLM_SANITIZE}'; use address, thread, fuzzer or nothing")
endif()
