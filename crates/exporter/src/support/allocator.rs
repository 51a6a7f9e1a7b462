//! The memory that the allocator keeps.

use std::hint::black_box;

/// Lets glibc keep up to 2 MiB of freed memory, which the next scrape uses again. By default it returns to the kernel what is
/// free at the end of the heap, from 128 KiB on, and the next scrape pays for it with a page fault for each 4 KiB. It keeps
/// twice the size of the largest block that was freed and had a mapping of its own (`mallopt(3)`, `M_MMAP_THRESHOLD`). Other
/// allocators are not affected.
pub(crate) fn keep_freed() {
    // The block is never written, so it takes no memory.
    drop(black_box(Vec::<u8>::with_capacity(KEPT / 2)));
}

/// Bytes of freed memory that are kept: four times what a scrape of 1,000 destinations takes.
const KEPT: usize = 2 << 20;
