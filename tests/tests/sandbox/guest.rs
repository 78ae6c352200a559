//! The guests, built once, and what the tests do with the hostile one.

use std::sync::{Arc, OnceLock};

use arrow_array::{Int64Array, StringArray};
use gristmill_core::column::{Batch, Column};
use gristmill_core::transform::{Fault, Output, Transform};
use gristmill_sandbox::{Component, Limits, Sandbox, SandboxError, SandboxedTransform};
use gristmill_tests::guests;
use serde_json::{Value, json};

/// The core module of the hostile guest as the compiler leaves it.
pub(crate) fn module() -> &'static [u8] {
    &modules()[0]
}

/// The core module of the guest with columns of each type.
pub(crate) fn typed() -> &'static [u8] {
    &modules()[1]
}

fn modules() -> &'static [Vec<u8>; 2] {
    static MODULES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    MODULES.get_or_init(|| {
        let modules = guests::build_all(&["hostile", "typed"]).unwrap();
        [0, 1].map(|i| std::fs::read(&modules[i]).unwrap())
    })
}

pub(crate) fn sandbox() -> &'static Sandbox {
    // With the guest, so that it is compiled once and not once a test.
    static SANDBOX: OnceLock<(Sandbox, Component)> = OnceLock::new();
    let (sandbox, _) = SANDBOX.get_or_init(|| {
        let sandbox = Sandbox::new(None).unwrap();
        let guest = sandbox.load("rule", module(), &Limits::default()).unwrap();
        (sandbox, guest)
    });
    sandbox
}

pub(crate) fn load(bytes: &[u8]) -> Result<Component, SandboxError> {
    sandbox().load("rule", bytes, &Limits::default())
}

pub(crate) fn open(config: &Value) -> SandboxedTransform {
    open_limited(config, &Limits::default())
}

pub(crate) fn open_limited(config: &Value, limits: &Limits) -> SandboxedTransform {
    sandbox()
        .load("rule", module(), limits)
        .unwrap()
        .open(config)
        .unwrap()
}

pub(crate) fn misbehaving(apply: &str) -> SandboxedTransform {
    open(&json!({ "apply": apply }))
}

/// A row a name, with its position as id.
pub(crate) fn batch(transform: &SandboxedTransform, names: &[Option<&str>]) -> Batch {
    let ids = Int64Array::from_iter_values(0..names.len() as i64);
    Batch {
        rows: names.len(),
        fields: transform.plan().input_fields().cloned().collect(),
        columns: vec![
            Column::new(Arc::new(StringArray::from(names.to_vec()))),
            Column::new(Arc::new(ids)),
        ],
    }
}

pub(crate) fn apply(
    transform: &mut SandboxedTransform,
    names: &[Option<&str>],
) -> Result<Output, Fault> {
    let batch = batch(transform, names);
    transform.apply(&batch)
}
