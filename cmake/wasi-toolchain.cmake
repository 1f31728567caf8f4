# WebAssembly by wasi-sdk: the one at WASI_SDK_PATH, or else the same parts as Debian packages
# them (clang-19 lld-19 wasi-libc libc++-19-dev-wasm32 libclang-rt-19-dev-wasm32).

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(target wasm32-wasi)
if(DEFINED ENV{WASI_SDK_PATH} AND NOT "$ENV{WASI_SDK_PATH}" STREQUAL "")
  set(sdk "$ENV{WASI_SDK_PATH}")
  if(NOT EXISTS "${sdk}/bin/clang++")
    message(FATAL_ERROR "WASI_SDK_PATH is ${sdk}, which holds no bin/clang++.")
  endif()
  set(CMAKE_CXX_COMPILER "${sdk}/bin/clang++")
  set(CMAKE_AR "${sdk}/bin/llvm-ar")
  set(CMAKE_RANLIB "${sdk}/bin/llvm-ranlib")
  set(CMAKE_SYSROOT "${sdk}/share/wasi-sysroot")
  # wasi-sdk 25 and later name the target by its WASI version.
  if(EXISTS "${sdk}/share/wasi-sysroot/include/wasm32-wasip1")
    set(target wasm32-wasip1)
  endif()
else()
  foreach(version 19 20 21)
    find_program(EDGEROOM_WASI_CLANG "clang++-${version}")
    if(EDGEROOM_WASI_CLANG)
      find_program(CMAKE_AR "llvm-ar-${version}" REQUIRED)
      find_program(CMAKE_RANLIB "llvm-ranlib-${version}" REQUIRED)
      break()
    endif()
  endforeach()
  if(NOT EDGEROOM_WASI_CLANG)
    message(FATAL_ERROR
      "No compiler for WebAssembly. Set WASI_SDK_PATH to a wasi-sdk "
      "(github.com/WebAssembly/wasi-sdk/releases), or on Debian 12: apt install clang-19 lld-19 "
      "wasi-libc libc++-19-dev-wasm32 libclang-rt-19-dev-wasm32.")
  endif()
  set(CMAKE_CXX_COMPILER "${EDGEROOM_WASI_CLANG}")
  set(CMAKE_SYSROOT "/usr")
endif()
set(CMAKE_CXX_COMPILER_TARGET "${target}")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_EXECUTABLE_SUFFIX_CXX ".wasm")
set(CMAKE_CXX_FLAGS_RELEASE_INIT "-O3 -DNDEBUG")
