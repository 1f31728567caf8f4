# edgeroom_wasm_module(NAME sources… EXPORTS functions… MAX_MEMORY bytes LIBRARIES libs…)
#
# Links a WebAssembly reactor that exports just its memory, _initialize and EXPORTS, checks that
# it imports nothing outside the allow-list (cmake/check-module.js) and prints its size.

set(EDGEROOM_STACK_BYTES 65536)
set(EDGEROOM_INITIAL_MEMORY_BYTES 262144)

find_program(EDGEROOM_NODE node
  HINTS "${PROJECT_SOURCE_DIR}/node_modules/.bin" REQUIRED NO_CMAKE_FIND_ROOT_PATH)

function(edgeroom_wasm_module name)
  cmake_parse_arguments(arg "" "MAX_MEMORY" "SOURCES;EXPORTS;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  set_target_properties(${name} PROPERTIES SUFFIX ".wasm")
  # The stack stands first in memory, so an overflow traps instead of overwriting data.
  if(EMSCRIPTEN)
    list(TRANSFORM arg_EXPORTS PREPEND "_" OUTPUT_VARIABLE exports)
    list(JOIN exports "," exports)
    target_link_options(${name} PRIVATE
      -sSTANDALONE_WASM --no-entry -sFILESYSTEM=0 -sMALLOC=emmalloc -sALLOW_MEMORY_GROWTH=1
      -sTOTAL_STACK=${EDGEROOM_STACK_BYTES} -sINITIAL_MEMORY=${EDGEROOM_INITIAL_MEMORY_BYTES}
      -sMAXIMUM_MEMORY=${arg_MAX_MEMORY} -Wl,--stack-first "-sEXPORTED_FUNCTIONS=${exports}")
  else()
    list(TRANSFORM arg_EXPORTS PREPEND "-Wl,--export=" OUTPUT_VARIABLE exports)
    target_link_options(${name} PRIVATE
      -mexec-model=reactor -Wl,--stack-first -Wl,-z,stack-size=${EDGEROOM_STACK_BYTES}
      -Wl,--initial-memory=${EDGEROOM_INITIAL_MEMORY_BYTES} -Wl,--max-memory=${arg_MAX_MEMORY}
      -Wl,--gc-sections -Wl,--strip-all ${exports})
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND "${EDGEROOM_NODE}" "${PROJECT_SOURCE_DIR}/cmake/check-module.js"
            "$<TARGET_FILE:${name}>"
    VERBATIM)
endfunction()
