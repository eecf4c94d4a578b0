# What `cmake --install` puts where, so that find_package(hopring) gives the target hopring::client:
#
#   bin/                 the programs
#   lib/libhopring_*.a   one library per room
#   include/hopring/     the headers, in their rooms: #include <hopring/client/map.hpp>
#   lib/cmake/hopring/   the package's description
include(CMakePackageConfigHelpers)

set(hopring_installed_rooms
  base routing table storage_operation storage_raft storage_group peer_wire peer_core peer_resp
  peer_net client_core client sim)
foreach(room IN LISTS hopring_installed_rooms)
  set_target_properties(hopring_${room} PROPERTIES EXPORT_NAME ${room})
  install(TARGETS hopring_${room} EXPORT hopringTargets ARCHIVE DESTINATION lib)
endforeach()

foreach(program hopring-peer hopring hopring-sim)
  install(TARGETS ${program} RUNTIME DESTINATION bin)
endforeach()

install(CODE "set(HOPRING_SOURCE_DIR \"${PROJECT_SOURCE_DIR}\")")
install(SCRIPT client/install_headers.cmake)

set(package_dir lib/cmake/hopring)
install(EXPORT hopringTargets NAMESPACE hopring:: DESTINATION ${package_dir})
configure_package_config_file(client/hopringConfig.cmake.in
  ${PROJECT_BINARY_DIR}/hopringConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hopringConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hopringConfig.cmake
  ${PROJECT_BINARY_DIR}/hopringConfigVersion.cmake DESTINATION ${package_dir})
