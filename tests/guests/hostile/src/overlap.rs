//! Lists that lie in the same memory, which a canonical list may, and Rust's may not: what is
//! shared is never freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// From where on to where memory is shared: two ranges at most.
static SHARED: [(AtomicUsize, AtomicUsize); 2] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 2];

static SHARES: AtomicUsize = AtomicUsize::new(0);

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: the system's allocator, which is not told of frees in shared memory.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let within = |(from, to): &(AtomicUsize, AtomicUsize)| {
            (from.load(Relaxed)..to.load(Relaxed)).contains(&(pointer as usize))
        };
        if !SHARED.iter().any(within) {
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Gives up the memory of `list` for good, to be claimed as often as one likes. At most two lists a
/// call.
pub fn share<T>(list: Vec<T>) -> (*mut T, usize) {
    let list = list.leak();
    let range = list.as_ptr_range();
    let (from, to) = &SHARED[SHARES.fetch_add(1, Relaxed) % SHARED.len()];
    from.store(range.start as usize, Relaxed);
    to.store(range.end as usize, Relaxed);
    (list.as_mut_ptr(), list.len())
}

/// A list that owns nothing.
///
/// # Safety
///
/// It must only be returned to the host, and `pointer` be shared, or the host refuse it.
pub unsafe fn claim<T>(pointer: *mut T, length: usize) -> Vec<T> {
    unsafe { Vec::from_raw_parts(pointer, length, length) }
}
