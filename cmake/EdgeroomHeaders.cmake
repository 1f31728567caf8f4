# Sets EDGEROOM_HEADERS_DIR: a folder in the build tree with just the headers of nlohmann-json and
# doctest, from the package manager. A cross build must not see /usr/include itself, whose C
# library is another one's.

set(EDGEROOM_HEADERS_DIR "${PROJECT_BINARY_DIR}/headers")

foreach(header nlohmann/json.hpp doctest/doctest.h)
  string(MAKE_C_IDENTIFIER "EDGEROOM_FOUND_${header}" found)
  # Not the toolchain's roots: these headers are the host's, and header-only.
  find_path(${found} "${header}"
    HINTS "$ENV{EDGEROOM_HEADERS}" /usr/include /usr/local/include /opt/homebrew/include
          /opt/local/include
    NO_CMAKE_FIND_ROOT_PATH)
  if(NOT ${found})
    message(FATAL_ERROR
      "${header} was not found. Debian: apt install nlohmann-json3-dev doctest-dev. "
      "macOS: brew install nlohmann-json doctest. Elsewhere: set EDGEROOM_HEADERS to the folder "
      "that holds ${header}.")
  endif()
  get_filename_component(folder "${header}" DIRECTORY)
  file(MAKE_DIRECTORY "${EDGEROOM_HEADERS_DIR}")
  file(CREATE_LINK "${${found}}/${folder}" "${EDGEROOM_HEADERS_DIR}/${folder}" SYMBOLIC)
endforeach()
