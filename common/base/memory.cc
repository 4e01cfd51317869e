#include "common/base/memory.h"

#include <malloc.h>

namespace stillhouse {

void KeepFreedMemory() {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
}

}  // namespace stillhouse
