//! A chain whose rules are the hostile guest, and records for it.

use std::sync::Arc;

use gristmill_core::chain::{
    Chain, ChainSpec, Delete, Late, PlanError, TimePolicy, Tombstone, Truncate,
};
use gristmill_core::decode::{Formats, JsonForms};
use gristmill_core::dimension::Dimensions;
use gristmill_core::record::Records;
use gristmill_core::transform::Transform;
use gristmill_sandbox::{Limits, SandboxedTransform};
use serde_json::json;

use crate::guest::open_limited;

pub(crate) const ROWS: usize = 300;

/// A chain of one normalizer, which misbehaves as told.
pub(crate) fn misbehaving(apply: &str, limits: &Limits) -> Chain {
    misbehaving_by(apply, 0, limits)
}

/// The same, with how much of it.
pub(crate) fn misbehaving_by(apply: &str, amount: u64, limits: &Limits) -> Chain {
    let config = json!({ "normalizer": true, "apply": apply, "amount": amount });
    of(vec![open_limited(&config, limits)]).unwrap()
}

/// A chain whose table has what the first rule writes.
pub(crate) fn of(transforms: Vec<SandboxedTransform>) -> Result<Chain, PlanError> {
    let time = TimePolicy {
        watermark_delay_us: 10_000_000,
        ttl_us: i64::MAX,
        future_max_us: 0,
        floor_us: 0,
        late: Late::Apply,
    };
    let spec = ChainSpec {
        topic: "users_cdc".to_owned(),
        partition: 0,
        time,
        tombstone: Tombstone::Ignore,
        absent: None,
        formats: Formats::default(),
        forms: JsonForms::default(),
        delete: Delete::default(),
        truncate: Truncate::Halt,
        record_max_bytes: 1 << 20,
        state_max_bytes: 1 << 20,
        target: transforms[0].plan().writes.clone(),
    };
    let boxed = transforms
        .into_iter()
        .map(|t| Box::new(t) as Box<dyn Transform>);
    Chain::new(spec, boxed.collect(), Arc::new(Dimensions::default()), None)
}

/// A record a row, the one at `odd` with another name.
pub(crate) fn records(odd: usize, name: &str) -> Records {
    named((0..ROWS).map(|id| if id == odd { name } else { "fine" }))
}

/// A record a name.
pub(crate) fn named<'n>(names: impl Iterator<Item = &'n str>) -> Records {
    let mut records = Records::default();
    for (id, name) in names.enumerate() {
        let value = json!({ "id": id, "name": name }).to_string();
        records.push(
            id as i64,
            None,
            None,
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    records
}
