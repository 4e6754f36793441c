# Warnings for our own code; third-party headers come in as SYSTEM includes.
add_library(cecollm_warnings INTERFACE)
target_compile_options(cecollm_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow
                                                  -Wnon-virtual-dtor -Werror)
