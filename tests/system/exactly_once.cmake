# The worker plane over real TCP and with real processes. No MPI, no Torch.
sh_test(exactly_once_test LABEL system THREADS TIMEOUT 120
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/exactly_once_test.cc
  DEPS sh_actors sh_replay sh_net)
sh_test(worker_process_test LABEL system THREADS TIMEOUT 60
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/worker_process_test.cc
  DEPS sh_actors_driver sh_replay_driver)
add_dependencies(worker_process_test stillhouse-worker)
