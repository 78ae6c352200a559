//! `wit/transform.wit` in Rust. What goes in borrows (so that Arrow's buffers are copied once, into
//! the guest), what comes back is owned.

#![allow(unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "transform",
    ownership: Borrowing { duplicate_if_necessary: true },
});
