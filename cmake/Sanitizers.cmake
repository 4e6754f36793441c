# One sanitizer a build tree: -DCECOLLM_SANITIZE=address (with UBSan) or thread.
if(CECOLLM_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(CECOLLM_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NOT CECOLLM_SANITIZE STREQUAL "")
  message(FATAL_ERROR "CECOLLM_SANITIZE is '${CECOLLM_SANITIZE}'; use address, thread or nothing")
endif()
