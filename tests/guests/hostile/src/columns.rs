//! The flat layout by hand, and an honest output in it.

use crate::gristmill::transform::types::{Batch, Column, Output, Rejection, Values, Varlen};

pub fn bit(bits: &[u8], i: usize) -> bool {
    bits[i / 8] >> (i % 8) & 1 == 1
}

pub fn bits(values: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, value) in values.enumerate() {
        if i % 8 == 0 {
            bytes.push(0);
        }
        bytes[i / 8] |= u8::from(value) << (i % 8);
    }
    bytes
}

fn varlen<'a>(values: impl Iterator<Item = &'a [u8]>) -> Varlen {
    let mut varlen = Varlen {
        offsets: vec![0],
        data: Vec::new(),
    };
    for value in values {
        varlen.data.extend_from_slice(value);
        varlen.offsets.push(varlen.data.len() as u32);
    }
    varlen
}

/// Column 0 of the input.
pub fn names(batch: &Batch) -> impl Iterator<Item = Option<&str>> {
    let Values::Text(Varlen { offsets, data }) = &batch.columns[0].values else {
        panic!("no text")
    };
    let validity = batch.columns[0].validity.as_deref();
    (0..batch.rows as usize).map(move |i| {
        let value = &data[offsets[i] as usize..offsets[i + 1] as usize];
        let known = validity.is_none_or(|bits| bit(bits, i));
        known.then(|| std::str::from_utf8(value).unwrap())
    })
}

/// Column 1 of the input.
fn ids(batch: &Batch) -> &[i64] {
    let Values::Int64(ids) = &batch.columns[1].values else {
        panic!("no int64")
    };
    ids
}

pub fn honest(batch: &Batch) -> Output {
    let rejected = |name: &Option<&str>| *name == Some("reject");
    let rows: Vec<_> = names(batch)
        .zip(ids(batch).iter().copied())
        .enumerate()
        .collect();
    let kept: Vec<_> = rows
        .iter()
        .filter(|(_, (name, _))| !rejected(name))
        .copied()
        .collect();
    let rejections: Vec<_> = rows
        .iter()
        .filter(|(_, (name, _))| rejected(name))
        .map(|(i, _)| Rejection {
            row: *i as u32,
            code: "told-to".into(),
            message: "as told".into(),
        })
        .collect();
    let text = || {
        varlen(
            kept.iter()
                .map(|(_, (name, _))| name.unwrap_or_default().as_bytes()),
        )
    };
    let validity = || Some(bits(kept.iter().map(|(_, (name, _))| name.is_some())));
    let id = || kept.iter().map(|(_, (_, id))| *id);
    let column = |values| Column {
        validity: None,
        presence: None,
        values,
    };
    Output {
        columns: vec![
            Column {
                validity: validity(),
                presence: None,
                values: Values::Text(text()),
            },
            column(Values::Int64(id().collect())),
            column(Values::Float64(id().map(|id| id as f64).collect())),
            column(Values::Bits(bits(id().map(|id| id % 2 == 1)))),
            Column {
                validity: validity(),
                presence: None,
                values: Values::Bytes(text()),
            },
            column(Values::Int64(id().collect())),
        ],
        source_rows: (!rejections.is_empty())
            .then(|| kept.iter().map(|(i, _)| *i as u32).collect()),
        rejections,
    }
}
