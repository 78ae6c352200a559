//! The interface, generated from `wit/transform.wit`.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "generated: the calling convention is the only unsafe code of a guest"
)]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "transform",
    pub_export_macro: true,
    additional_derives: [PartialEq],
    default_bindings_module: "gristmill_guest::wit",
});
