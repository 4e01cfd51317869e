# Exactly once, over real TCP. No MPI, no Torch.
sh_test(exactly_once_test LABEL system TIMEOUT 120
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/exactly_once_test.cc
  DEPS sh_actors sh_replay sh_net)
