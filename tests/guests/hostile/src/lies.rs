//! Lies, one at a time, about an output that was true.

use crate::gristmill::transform::types::{Batch, Column, Output, Rejection, Values, Varlen};
use crate::{CALLS, columns, overlap};

pub fn tell(lie: &str, amount: u64, batch: &Batch, output: &mut Output) {
    let rows = batch.rows;
    match lie {
        "offsets-decrease" => offsets(output).swap(1, 2),
        "offsets-start" => offsets(output)[0] = 1,
        "offsets-end" => *offsets(output).last_mut().unwrap() += 1,
        "offsets-huge" => offsets(output)[1] = u32::MAX,
        "offsets-short" => drop(offsets(output).pop()),
        "offsets-none" => offsets(output).clear(),
        "not-utf8" => text(output).data[0] = 0xff,
        "split-character" => split_character(text(output)),
        "integer-short" => drop(integers(output).pop()),
        "float-long" => output.columns[2].values = Values::Float64(vec![0.5; rows as usize + 1]),
        "bits-short" => output.columns[3].values = Values::Bits(vec![]),
        "bits-long" => output.columns[3].values = Values::Bits(vec![0; rows as usize]),
        "validity-short" => output.columns[0].validity = Some(vec![]),
        "validity-long" => output.columns[1].validity = Some(vec![0xff; rows as usize]),
        "presence-short" => output.columns[0].presence = Some(vec![]),
        "null" => output.columns[1].validity = Some(all_but_row_1(rows)),
        "absent" => output.columns[1].presence = Some(all_but_row_1(rows)),
        "absent-nullable" => output.columns[0].presence = Some(all_but_row_1(rows)),
        "column-missing" => drop(output.columns.pop()),
        "column-extra" => output.columns.push(integer_column(rows)),
        "layout" => output.columns[0] = integer_column(rows),
        "layout-bytes" => output.columns[0].values = Values::Bytes(text(output).clone()),
        "source-range" => output.source_rows = Some((1..=rows).collect()),
        "source-order" => output.source_rows = Some((0..rows).rev().collect()),
        "source-twice" => output.source_rows = Some(vec![0; rows as usize]),
        "source-missing" => empty(output),
        "reject-range" => reject(output, rows, "told-to"),
        "reject-kept" => reject(output, 0, "told-to"),
        "reject-twice" => (0..2).for_each(|_| reject(output, 0, "told-to")),
        "reject-crowd" => (0..amount).for_each(|_| reject(output, 0, "")),
        "column-crowd" => output.columns = (0..amount).map(|_| integer_column(0)).collect(),
        "reject-code" => reject(output, 0, "made-up"),
        "reject-long" => output.rejections[0].message = format!("\0{}", "x".repeat(1 << 20)),
        "message-not-utf8" => {
            output.rejections[0].message = unsafe { String::from_utf8_unchecked(vec![0xff]) }
        }
        "pointer-wild" => text(output).data = unsafe { overlap::claim(0xffff_0000 as *mut u8, 16) },
        "pointer-odd" => {
            *integers(output) = unsafe { overlap::claim(0x1_0001 as *mut i64, rows as usize) }
        }
        "overlap-columns" => overlap_columns(output),
        "overlap-messages" => overlap_messages(amount, output),
        "amplify" => {
            output.columns[0].values = Values::Text(repeated(text(output), amount as usize))
        }
        "large" => text(output).data = vec![b'x'; amount as usize],
        "count" => {
            integers(output).fill(CALLS.get());
            if columns::names(batch).any(|name| name == Some("trap")) {
                crate::die("a row is called trap");
            }
        }
        _ => {}
    }
}

fn text(output: &mut Output) -> &mut Varlen {
    let Values::Text(text) = &mut output.columns[0].values else {
        panic!("no text")
    };
    text
}

fn offsets(output: &mut Output) -> &mut Vec<u32> {
    &mut text(output).offsets
}

fn integers(output: &mut Output) -> &mut Vec<i64> {
    let Values::Int64(values) = &mut output.columns[1].values else {
        panic!("no int64")
    };
    values
}

fn integer_column(rows: u32) -> Column {
    Column {
        validity: None,
        presence: None,
        values: Values::Int64(vec![0; rows as usize]),
    }
}

fn all_but_row_1(rows: u32) -> Vec<u8> {
    crate::columns::bits((0..rows).map(|row| row != 1))
}

fn empty(output: &mut Output) {
    *output = Output {
        columns: output.columns.clone(),
        source_rows: Some(vec![]),
        rejections: vec![],
    };
}

fn reject(output: &mut Output, row: u32, code: &str) {
    output.rejections.push(Rejection {
        row,
        code: code.into(),
        message: String::new(),
    });
}

/// The buffer as a whole stays UTF-8, and the first value ends within a character.
fn split_character(text: &mut Varlen) {
    let rows = text.offsets.len() - 1;
    text.data = "é".repeat(rows).into_bytes();
    text.offsets = (0..=rows as u32).map(|i| i * 2).collect();
    text.offsets[1] = 1;
}

/// Text and bytes, which are equal, are the same list.
fn overlap_columns(output: &mut Output) {
    let Varlen { offsets, data } = text(output).clone();
    let (offsets, data) = (overlap::share(offsets), overlap::share(data));
    // SAFETY: freeing what is shared does nothing.
    let claim = || unsafe {
        Varlen {
            offsets: overlap::claim(offsets.0, offsets.1),
            data: overlap::claim(data.0, data.1),
        }
    };
    output.columns[0].values = Values::Text(claim());
    output.columns[4].values = Values::Bytes(claim());
}

/// All rejections have the same message, of `length` bytes.
fn overlap_messages(length: u64, output: &mut Output) {
    let (message, length) = overlap::share(vec![b'x'; length as usize]);
    for rejection in &mut output.rejections {
        // SAFETY: it is UTF-8, and freeing what is shared does nothing.
        rejection.message = unsafe { String::from_utf8_unchecked(overlap::claim(message, length)) };
    }
}

/// Each value `times` times over.
fn repeated(text: &Varlen, times: usize) -> Varlen {
    let mut repeated = Varlen {
        offsets: vec![0],
        data: Vec::new(),
    };
    for value in text.offsets.windows(2) {
        let value = &text.data[value[0] as usize..value[1] as usize];
        repeated.data.extend(value.repeat(times));
        repeated.offsets.push(repeated.data.len() as u32);
    }
    repeated
}
