# WebAssembly by Emscripten: the emsdk at EMSDK, or else the one on PATH (Debian: emscripten).

if(DEFINED ENV{EMSDK} AND EXISTS "$ENV{EMSDK}/upstream/emscripten/emcc")
  set(root "$ENV{EMSDK}/upstream/emscripten")
elseif(DEFINED ENV{EMSDK} AND NOT "$ENV{EMSDK}" STREQUAL "")
  message(FATAL_ERROR "EMSDK is $ENV{EMSDK}, which holds no upstream/emscripten/emcc.")
else()
  find_program(EDGEROOM_EMCC emcc)
  if(NOT EDGEROOM_EMCC)
    message(FATAL_ERROR
      "No Emscripten. Set EMSDK to an emsdk (github.com/emscripten-core/emsdk), or on Debian 12: "
      "apt install emscripten.")
  endif()
  get_filename_component(real "${EDGEROOM_EMCC}" REALPATH)
  get_filename_component(root "${real}" DIRECTORY)
endif()

include("${root}/cmake/Modules/Platform/Emscripten.cmake")
set(CMAKE_CXX_FLAGS_RELEASE_INIT "-O3 -DNDEBUG")
