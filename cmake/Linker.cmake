# A faster linker where one is installed; nothing depends on it.
include(CheckLinkerFlag)
foreach(linker mold lld gold)
  check_linker_flag(CXX -fuse-ld=${linker} CECOLLM_LINKS_WITH_${linker})
  if(CECOLLM_LINKS_WITH_${linker})
    add_link_options(-fuse-ld=${linker})
    break()
  endif()
endforeach()
