//! Which files the host takes, and what it says about the others.

use std::fs;

use gristmill::sandbox::{Limits, Sandbox};
use rstest::rstest;
use serde_json::json;

use crate::guest::{apply, load, module, patched};

fn refusal(bytes: &[u8]) -> String {
    load(bytes).err().expect("refused").to_string()
}

#[test]
fn a_core_module_and_its_component_are_the_same_transform() {
    let from_module = load(module()).unwrap();
    let from_component = load(from_module.bytes()).unwrap();
    assert_eq!(from_module.digest(), from_component.digest());
    assert_eq!(from_component.bytes(), from_module.bytes());
    assert_eq!(from_module.digest().len(), 64);
    assert_eq!(from_component.description().name, "hostile");
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_as_such() {
    let component = load(module()).unwrap().bytes().to_vec();
    for bytes in [module(), &component] {
        for length in [0, 3, 4, 7, 9, 100, bytes.len() / 2, bytes.len() - 1] {
            let message = refusal(&bytes[..length]);
            let expected = format!(
                "the file is cut off after {length} bytes, perhaps it is still being written"
            );
            assert!(message.contains(&expected), "{length}: {message}");
        }
    }
}

#[test]
fn what_is_not_webassembly_is_refused() {
    for bytes in [&b"#!/bin/sh\necho"[..], b"(module)", &[0; 64]] {
        assert!(refusal(bytes).contains("not WebAssembly"));
    }
}

#[rstest]
#[case(
    "gristmill:transform/rule@0.1.0",
    "gristmill:transform/rule@0.2.0",
    "exports `gristmill:transform/rule@0.2.0` and this host runs `gristmill:transform/rule@0.1.0`"
)]
#[case(
    "gristmill:transform/rule@0.1.0",
    "gristmill:transform/mule@0.1.0",
    "does not export `gristmill:transform/rule@0.1.0`"
)]
#[case(
    "gristmill:transform/log@0.1.0",
    "gristmill:transform/log@0.9.0",
    "imports `gristmill:transform/log@0.9.0` and this host has"
)]
fn another_world_is_refused_by_name(#[case] from: &str, #[case] to: &str, #[case] why: &str) {
    let component = load(module()).unwrap();
    let mut bytes = component.bytes().to_vec();
    while bytes.windows(from.len()).any(|w| w == from.as_bytes()) {
        bytes = patched(&bytes, from, to);
    }
    let message = refusal(&bytes);
    assert!(message.contains(why), "{message}");
}

#[test]
fn compiled_components_are_kept_and_used_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    let run = || {
        let sandbox = Sandbox::new(Some(&folder)).unwrap();
        let component = sandbox.load("rule", module(), &Limits::default()).unwrap();
        let mut transform = component.open(&json!({})).unwrap();
        assert_eq!(apply(&mut transform, &[Some("a")]).unwrap().rows, 1);
    };
    let kept = || {
        let entries = fs::read_dir(&folder).unwrap().map(|e| e.unwrap());
        entries
            .map(|e| (e.file_name(), e.metadata().unwrap().modified().unwrap()))
            .collect::<Vec<_>>()
    };
    run();
    let first = kept();
    assert_eq!(first.len(), 1);
    run();
    assert_eq!(kept(), first);
    // Half a file, as a full disk may leave it, is compiled again.
    fs::write(folder.join(&first[0].0), b"half").unwrap();
    run();
    assert_ne!(kept(), first);
}
