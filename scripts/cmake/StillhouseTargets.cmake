# How a target is made here: one function a kind, so that every target gets the same flags.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -ftree-vectorize -g1 -fno-math-errno")

find_program(STILLHOUSE_CCACHE ccache)
if(STILLHOUSE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths are hashed relative to the project: a second clone finds what the first one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${STILLHOUSE_CCACHE})
endif()
find_program(STILLHOUSE_MOLD mold)
if(STILLHOUSE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS system)
find_package(CLI11 REQUIRED)
find_package(box2d REQUIRED)
find_package(GTest REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(zstd QUIET)
find_package(Protobuf REQUIRED)
find_path(ONNX_INCLUDE onnx/onnx_pb.h REQUIRED)
find_library(ONNX_PROTO onnx_proto REQUIRED)
find_library(ONNX_CHECKER onnx REQUIRED)

add_library(stillhouse_flags INTERFACE)
target_include_directories(stillhouse_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(stillhouse_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Werror -march=${STILLHOUSE_MARCH} -Wno-stringop-overflow -ffp-contract=off)
target_link_libraries(stillhouse_flags INTERFACE Threads::Threads fmt::fmt)
if(STILLHOUSE_FAILPOINTS)
  target_compile_definitions(stillhouse_flags INTERFACE STILLHOUSE_FAILPOINTS)
endif()
if(STILLHOUSE_SANITIZE)
  target_compile_options(stillhouse_flags INTERFACE
    -fsanitize=${STILLHOUSE_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer)
  target_link_options(stillhouse_flags INTERFACE -fsanitize=${STILLHOUSE_SANITIZE})
endif()

# sh_library(NAME [SOURCES files...] [DEPS targets...]): a layer. Without SOURCES it takes the
# .cc files of its own folder; a folder of headers alone becomes an interface library.
function(sh_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS *.cc)
  endif()
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC stillhouse_flags ${ARG_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE stillhouse_flags ${ARG_DEPS})
  endif()
endfunction()

# The binaries of tests in which threads meet, and the programs that they start.
add_custom_target(threaded_tests)
# Those of unit tests and of the simulator, which AddressSanitizer runs by day.
add_custom_target(unit_tests)

# sh_test(NAME LABEL label [THREADS] [SERIAL] [TIMEOUT seconds] SOURCES files... DEPS targets...):
# one gtest binary, one ctest entry a test case. THREADS: threads meet in it, so its tests get the
# label `threads` too and ThreadSanitizer runs them.
function(sh_test name)
  cmake_parse_arguments(ARG "SERIAL;THREADS" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_SOURCES)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    STILLHOUSE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" STILLHOUSE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL ${ARG_SERIAL})
  if(ARG_LABEL MATCHES "^(unit|simulation)$")
    add_dependencies(unit_tests ${name})
  endif()
  if(ARG_THREADS)
    add_dependencies(threaded_tests ${name})
    # gtest_discover_tests takes no list of labels: ctest reads this after its own file of them.
    set(labels ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
    file(WRITE ${labels} "if(${name}_TESTS)
  set_tests_properties(\${${name}_TESTS} PROPERTIES LABELS \"${ARG_LABEL};threads\")
endif()
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels})
  endif()
endfunction()
include(GoogleTest)
