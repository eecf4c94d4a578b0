# Run by `cmake --install`: copies the headers to include/hopring/. Within the project they include
# each other from its root, "base/error.hpp"; installed, <hopring/base/error.hpp>, so that a user's
# own base/error.hpp and ours do not meet.
set(destination "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/include/hopring")
foreach(room base routing storage peer client sim)
  file(GLOB_RECURSE headers RELATIVE "${HOPRING_SOURCE_DIR}" "${HOPRING_SOURCE_DIR}/${room}/*.hpp")
  list(FILTER headers EXCLUDE REGEX "^client/cli/")
  foreach(header IN LISTS headers)
    file(READ "${HOPRING_SOURCE_DIR}/${header}" text)
    string(REGEX REPLACE "#include \"([^\"\n]+)\"" "#include <hopring/\\1>" text "${text}")
    file(WRITE "${destination}/${header}" "${text}")
  endforeach()
endforeach()
message(STATUS "Installed headers: ${destination}")
