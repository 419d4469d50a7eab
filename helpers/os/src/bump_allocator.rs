//! A bump allocator for programs that live for a millisecond: memory comes from one block in order, and goes back with the
//! program's end.
//!
//! The static C library's allocator costs such a program a quarter of its instructions and thirty system calls.
#![expect(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Never touched, never paid for: the block is zero pages until it is used.
const BLOCK_BYTES: usize = 1 << 20;

/// The allocator. What does not fit into its block comes from the system and goes back there.
#[derive(Debug)]
pub struct BumpAllocator {
    block: UnsafeCell<[u8; BLOCK_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: `used` gives each part of the block to one caller only; the block itself is never looked at here.
unsafe impl Sync for BumpAllocator {}

impl BumpAllocator {
    /// For a `#[global_allocator]`.
    #[expect(clippy::new_without_default, clippy::large_stack_arrays, reason = "made once, in a static")]
    pub const fn new() -> Self {
        Self { block: UnsafeCell::new([0; BLOCK_BYTES]), used: AtomicUsize::new(0) }
    }

    fn start(&self) -> *mut u8 {
        self.block.get().cast()
    }

    fn offset_of(&self, pointer: *mut u8) -> Option<usize> {
        let offset = (pointer as usize).wrapping_sub(self.start() as usize);
        (offset < BLOCK_BYTES).then_some(offset)
    }

    /// Where `layout` would lie in the block, and where it would end.
    fn place(&self, used: usize, layout: Layout) -> Option<(usize, usize)> {
        let start = self.start() as usize;
        let offset = (start + used).checked_next_multiple_of(layout.align())? - start;
        let end = offset.checked_add(layout.size()).filter(|end| *end <= BLOCK_BYTES)?;
        Some((offset, end))
    }

    fn move_end(&self, from: usize, to: usize) -> bool {
        self.used.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

// SAFETY: what is given out lies in the block, aligned, of the asked size, and overlaps nothing given out before
// and not given back; or it is the system's.
unsafe impl GlobalAlloc for BumpAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        loop {
            let used = self.used.load(Ordering::Relaxed);
            let Some((offset, end)) = self.place(used, layout) else {
                // SAFETY: the caller's promise is passed on.
                return unsafe { System.alloc(layout) };
            };
            if self.move_end(used, end) {
                // SAFETY: `offset` is inside the block.
                return unsafe { self.start().add(offset) };
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset_of(pointer) {
            // Only what was given out last can be used again.
            Some(offset) => _ = self.move_end(offset + layout.size(), offset),
            // SAFETY: not in the block, so it came from the system.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset_of(pointer) else {
            // SAFETY: not in the block, so it came from the system.
            return unsafe { System.realloc(pointer, layout, new_size) };
        };
        let end = offset.checked_add(new_size).filter(|end| *end <= BLOCK_BYTES);
        if end.is_some_and(|end| self.move_end(offset + layout.size(), end)) {
            return pointer;
        }
        // SAFETY: the caller promises that `new_size` with this alignment is a layout.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the size is not zero, the caller promises it.
        let moved = unsafe { self.alloc(new_layout) };
        if !moved.is_null() {
            // SAFETY: both are at least this long, and the new one is nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(pointer, moved, layout.size().min(new_size)) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_grow_in_place_when_last_and_never_overlap() {
        static MEMORY: BumpAllocator = BumpAllocator::new();
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        // SAFETY: sizes are not zero, layouts are those of the allocation, nothing is used after it was freed.
        unsafe {
            let first = MEMORY.alloc(layout(3, 1));
            let second = MEMORY.alloc(layout(8, 64));
            assert_eq!(second as usize % 64, 0);
            assert!(second as usize >= first as usize + 3);
            second.write(7);
            assert_eq!(MEMORY.realloc(second, layout(8, 64), 100), second, "it is the last one");
            first.write(5);
            let moved = MEMORY.realloc(first, layout(3, 1), 50);
            assert!(moved as usize >= second as usize + 100);
            assert_eq!((moved.read(), second.read()), (5, 7));
            MEMORY.dealloc(moved, layout(50, 1));
            assert_eq!(MEMORY.alloc(layout(20, 1)), moved, "the last one is used again");
        }
    }

    #[test]
    fn what_does_not_fit_is_the_systems() {
        static MEMORY: BumpAllocator = BumpAllocator::new();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: as above.
        unsafe {
            let large = MEMORY.alloc(layout(2 * BLOCK_BYTES));
            assert!(!large.is_null() && MEMORY.offset_of(large).is_none());
            let larger = MEMORY.realloc(large, layout(2 * BLOCK_BYTES), 3 * BLOCK_BYTES);
            MEMORY.dealloc(larger, layout(3 * BLOCK_BYTES));
            let small = MEMORY.alloc(layout(16));
            small.write(9);
            let grown = MEMORY.realloc(small, layout(16), 2 * BLOCK_BYTES);
            assert!(MEMORY.offset_of(grown).is_none());
            assert_eq!(grown.read(), 9);
            MEMORY.dealloc(grown, layout(2 * BLOCK_BYTES));
        }
    }
}
