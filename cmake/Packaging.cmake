# `cmake --install` and CPack: one package, with the files of both nodes.
#   cpack --config build/release/CPackConfig.cmake -G DEB     (or TGZ, to be unpacked at /)
# Units and configuration name /usr and /etc, so they are a component of their own:
#   cmake --install build/release --component program --prefix DIR     everything else, anywhere
include(GNUInstallDirs)
set(CECOLLM_SHARE ${CMAKE_INSTALL_DATADIR}/cecollm)

install(TARGETS cecollm RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(DIRECTORY models/default DESTINATION ${CECOLLM_SHARE}/models COMPONENT program)
install(PROGRAMS deploy/pki/make-dev-pki.sh deploy/pki/make-pki.sh
        DESTINATION ${CECOLLM_SHARE}/pki COMPONENT program)
install(DIRECTORY bench/traces DESTINATION ${CECOLLM_SHARE} COMPONENT program
        FILES_MATCHING PATTERN "*.csv")
install(DIRECTORY deploy/grafana/dashboards deploy/prometheus/rules
        DESTINATION ${CECOLLM_SHARE}/monitoring COMPONENT program)
# Documents lie to each other as they do here, so that their links hold; sources and results stay out.
set(CECOLLM_DOC ${CMAKE_INSTALL_DATADIR}/doc/cecollm)
install(DIRECTORY docs DESTINATION ${CECOLLM_DOC} COMPONENT program)
foreach(file README.md CHANGELOG.md CONTRIBUTING.md LICENSE SECURITY.md transport/WIRE.md
             models/default/README.md deploy/examples/cloud.toml deploy/examples/edge.toml)
  get_filename_component(folder ${file} DIRECTORY)
  install(FILES ${file} DESTINATION ${CECOLLM_DOC}/${folder} COMPONENT program)
endforeach()
# Where Debian looks for examples and for a package's licence.
install(FILES deploy/examples/cloud.toml deploy/examples/edge.toml
        DESTINATION ${CECOLLM_DOC}/examples COMPONENT program)
install(FILES LICENSE DESTINATION ${CECOLLM_DOC} RENAME copyright COMPONENT program)

install(FILES deploy/systemd/cecollm-cloud.service deploy/systemd/cecollm-edge.service
        DESTINATION /usr/lib/systemd/system COMPONENT node)
install(FILES deploy/config/cloud.toml deploy/config/edge.toml
        DESTINATION /etc/cecollm COMPONENT node)
# For certificates and keys: the units run as users that cannot read here, and are handed copies.
install(DIRECTORY DESTINATION /etc/cecollm/pki COMPONENT node
        DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME cecollm)
set(CPACK_PACKAGE_VENDOR "CE-CoLLM")
set(CPACK_PACKAGE_CONTACT "CE-CoLLM developers <cecollm@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
# Some files have absolute places, whatever the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INCLUDE_TOPLEVEL_DIRECTORY OFF)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The reference BLAS is many times slower; openssl is for the scripts that make certificates.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libopenblas0-pthread, openssl")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/deploy/package/conffiles ${PROJECT_SOURCE_DIR}/deploy/package/postinst
    ${PROJECT_SOURCE_DIR}/deploy/package/prerm ${PROJECT_SOURCE_DIR}/deploy/package/postrm)
include(CPack)
