//! Any names: a path that is made of them leads to them, and what is shown of them tells a terminal
//! nothing.
#![no_main]

use gristmill_core::decode::{below, names};
use gristmill_core::visible::{is_hidden, visible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: Vec<String>| {
    let path = parts
        .iter()
        .fold("value".to_owned(), |path, name| below(&path, name));
    let found = names(&path).expect("a path that was made is one");
    assert_eq!(found[1..], parts[..]);
    let _ = names(&parts.concat());
    assert!(!visible(&path).chars().any(is_hidden));
});
