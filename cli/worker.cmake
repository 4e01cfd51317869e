# The worker process: no Torch, no MPI. It stands beside `stillhouse`, which starts it.
add_executable(stillhouse-worker ${CMAKE_CURRENT_LIST_DIR}/worker_main.cc)
target_link_libraries(stillhouse-worker PRIVATE sh_actors_driver CLI11::CLI11)
