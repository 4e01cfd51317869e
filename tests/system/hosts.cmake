# The job over three hosts, which are network namespaces of this one: by plain mpirun, and on a
# real Slurm. They need root; without it they are skipped, which .ci/run does not accept.
if(NOT STILLHOUSE_SANITIZE)
  foreach(name three_hosts slurm)
    add_test(NAME ${name}_test
      COMMAND ${CMAKE_CURRENT_LIST_DIR}/${name}_test.sh ${CMAKE_BINARY_DIR})
    set_tests_properties(${name}_test PROPERTIES LABELS system RUN_SERIAL ON TIMEOUT 240
      SKIP_RETURN_CODE 77)
  endforeach()
endif()
