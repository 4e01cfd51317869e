#include "common/export/c_harness.h"

#include <cctype>

#include <fmt/format.h>

#include "common/export/c_source.h"

namespace stillhouse {

std::string WriteCHarness(const ExportedModel& model) {
  const std::string prefix = CIdentifier(model.name);
  std::string upper = prefix;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format(R"(/* {0}_check OBSERVATIONS Q: float32 numbers in, the Q-values of each out;
 * prints microseconds a forward pass. Compile with {0}.c. */
{3}

#include <stdio.h>
#include <time.h>

#define REPEATS 200

static float observation[{2}_OBSERVATION], q[{2}_ACTIONS], scratch[{2}_SCRATCH];

int main(int argc, char **argv) {{
  FILE *in, *out;
  clock_t begin;
  int i;
  if (argc != 3) return 2;
  in = fopen(argv[1], "rb");
  out = fopen(argv[2], "wb");
  if (!in || !out) return 2;
  while (fread(observation, sizeof(float), {2}_OBSERVATION, in) == {2}_OBSERVATION) {{
    {1}_q(observation, q, scratch);
    if (fwrite(q, sizeof(float), {2}_ACTIONS, out) != {2}_ACTIONS) return 1;
  }}
  if (fclose(in) || fclose(out)) return 1;
  begin = clock();
  for (i = 0; i < REPEATS; ++i) {1}_q(observation, q, scratch);
  printf("%.3f\n", (double)(clock() - begin) * 1e6 / CLOCKS_PER_SEC / REPEATS);
  return 0;
}}
)",
                     model.name, prefix, upper, fmt::format("#include \"{}.h\"", model.name));
}

}  // namespace stillhouse
