#pragma once

namespace stillhouse {

/// Has this process keep what it frees, also blocks of megabytes (batches, replies, gradients),
/// instead of returning it to the kernel and faulting it in again, page by page, the next time.
/// Once, before anything large is allocated. docs/performance.md has the figures.
void KeepFreedMemory();

}  // namespace stillhouse
