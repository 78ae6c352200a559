//! What `apply` returned, checked before anything uses it, and turned into Arrow arrays without a
//! copy.

use std::sync::Arc;

use arrow_array::types::{BinaryType, ByteArrayType, Utf8Type};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, GenericByteArray, Int64Array, new_empty_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use gristmill_core::column::{Column, Field};
use gristmill_core::plan::Plan;
use gristmill_core::transform::{Output, Rejection};

use crate::bindings::gristmill::transform::types as wit;
use crate::printable::printable;

/// Longer messages of rejections are cut. 1 KiB: one sentence with a value in it.
const MESSAGE_MAX_BYTES: usize = 1 << 10;

/// Checks an output for `rows` input rows. The error says what was wrong, to be put after the
/// transform's name.
pub(crate) fn check(plan: &Plan, rows: usize, output: wit::Output) -> Result<Output, String> {
    let rejected = RejectedRows::check(plan, rows, &output.rejections)?;
    let source_rows = output.source_rows.as_deref();
    match plan.roles {
        Some(_) => check_normalized(rows, source_rows, &rejected)?,
        None => check_enriched(rows, source_rows, &rejected)?,
    }
    let output_rows = source_rows.map_or(rows, <[u32]>::len);
    let (declared, returned) = (plan.writes.len(), output.columns.len());
    if returned == 0 && output_rows == 0 {
        let rejections = output.rejections.into_iter().map(rejection).collect();
        return Ok(Output {
            columns: plan.writes.iter().map(no_rows).collect(),
            rows: 0,
            source_rows: output.source_rows,
            rejections,
        });
    }
    if declared != returned {
        return Err(format!(
            "returned {returned} columns, and its plan writes {declared}"
        ));
    }
    let columns = plan
        .writes
        .iter()
        .zip(output.columns)
        .map(|(field, column)| {
            self::column(field, is_role(plan, &field.name), output_rows, column)
                .map_err(|why| format!("returned column `{}` {why}", field.name))
        });
    Ok(Output {
        columns: columns.collect::<Result<_, _>>()?,
        rows: output_rows,
        source_rows: output.source_rows,
        rejections: output.rejections.into_iter().map(rejection).collect(),
    })
}

/// Which input rows are rejected.
struct RejectedRows {
    /// Empty when none is: the usual case costs nothing.
    by_row: Vec<bool>,
    count: usize,
}

impl RejectedRows {
    fn check(plan: &Plan, rows: usize, rejections: &[wit::Rejection]) -> Result<Self, String> {
        let mut by_row = vec![false; if rejections.is_empty() { 0 } else { rows }];
        for wit::Rejection { row, code, .. } in rejections {
            match by_row.get_mut(*row as usize) {
                None => return Err(format!("rejected row {row} of a batch of {rows}")),
                Some(true) => return Err(format!("rejected row {row} twice")),
                Some(rejected) => *rejected = true,
            }
            if !plan.reject_codes.contains(code) {
                let (code, declared) = (printable(code, 64), plan.reject_codes.join("`, `"));
                return Err(format!(
                    "rejected row {row} with the code {code:?}, and its plan declares `{declared}`"
                ));
            }
        }
        Ok(Self {
            by_row,
            count: rejections.len(),
        })
    }

    fn contains(&self, row: usize) -> bool {
        self.by_row.get(row).is_some_and(|rejected| *rejected)
    }
}

/// A normalizer may drop, split and reorder, but not return a row that it rejects.
fn check_normalized(
    rows: usize,
    source_rows: Option<&[u32]>,
    rejected: &RejectedRows,
) -> Result<(), String> {
    let Some(source_rows) = source_rows else {
        return match rejected.by_row.iter().position(|r| *r) {
            Some(row) => Err(format!(
                "rejected row {row} and returned it, too (it gave no source-rows)"
            )),
            None => Ok(()),
        };
    };
    for (i, &source) in source_rows.iter().enumerate() {
        if source as usize >= rows {
            return Err(format!(
                "says that output row {i} comes from row {source} of a batch of {rows}"
            ));
        }
        if rejected.contains(source as usize) {
            return Err(format!(
                "rejected row {source} and returned it, too (as output row {i})"
            ));
        }
    }
    Ok(())
}

/// An enricher keeps order and leaves out exactly what it rejects.
fn check_enriched(
    rows: usize,
    source_rows: Option<&[u32]>,
    rejected: &RejectedRows,
) -> Result<(), String> {
    let kept = rows - rejected.count;
    let returned = source_rows.map_or(rows, <[u32]>::len);
    if returned != kept {
        return Err(format!(
            "returned {returned} rows for {rows} of which it rejected {}: an enricher leaves out \
             exactly what it rejects",
            rejected.count
        ));
    }
    let expected = (0..rows).filter(|row| !rejected.contains(*row));
    for (i, (&source, expected)) in source_rows
        .unwrap_or_default()
        .iter()
        .zip(expected)
        .enumerate()
    {
        if source as usize != expected {
            return Err(format!(
                "says that output row {i} comes from row {source} where row {expected} is due: an \
                 enricher keeps order"
            ));
        }
    }
    Ok(())
}

fn rejection(rejection: wit::Rejection) -> Rejection {
    let message = printable(&rejection.message, MESSAGE_MAX_BYTES);
    Rejection {
        row: rejection.row,
        code: rejection.code,
        message,
    }
}

/// Whether the host cannot do without a value of the column. The key is null where the row empties
/// the table.
fn is_role(plan: &Plan, name: &str) -> bool {
    plan.roles.as_ref().is_some_and(|roles| {
        let flags = roles.deleted.iter().chain(&roles.truncate);
        let names = roles.key.iter().chain([&roles.event_time]).chain(flags);
        names.into_iter().any(|role| role == name)
    })
}

/// What a column has where no row is returned.
fn no_rows(field: &Field) -> Column {
    Column {
        values: new_empty_array(&field.logical_type.data_type()),
        presence: None,
    }
}

fn column(
    field: &Field,
    is_role: bool,
    rows: usize,
    column: wit::ColumnResult,
) -> Result<Column, String> {
    let validity = column
        .validity
        .map(|bits| bitmap("validity", rows, bits))
        .transpose()?;
    let presence = column
        .presence
        .map(|bits| bitmap("presence", rows, bits))
        .transpose()?;
    let is_set = |bits: &Option<BooleanBuffer>, row| bits.as_ref().is_none_or(|b| b.value(row));
    // What is absent is not said to be null, but of a role the host must know it.
    let is_null = |row: &usize| match is_set(&presence, *row) {
        true => !is_set(&validity, *row),
        false => is_role,
    };
    let may_be_null = validity.is_some() || is_role && presence.is_some();
    if !field.nullable
        && may_be_null
        && let Some(row) = (0..rows).find(is_null)
    {
        return Err(format!(
            "with a null in output row {row}, and its plan says it is never null"
        ));
    }
    // What is not known is null, too.
    let known = match (validity, &presence) {
        (Some(validity), Some(presence)) => Some(&validity & presence),
        (Some(validity), None) => Some(validity),
        (None, presence) => presence.clone(),
    };
    let nulls = known
        .map(NullBuffer::new)
        .filter(|nulls| nulls.null_count() > 0);
    Ok(Column {
        values: array(field, rows, column.values, nulls)?,
        presence,
    })
}

fn bitmap(what: &str, rows: usize, bits: Vec<u8>) -> Result<BooleanBuffer, String> {
    expect_length(what, rows.div_ceil(8), "bytes", bits.len(), rows)?;
    Ok(BooleanBuffer::new(bits.into(), 0, rows))
}

fn expect_length(
    what: &str,
    expected: usize,
    unit: &str,
    found: usize,
    rows: usize,
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "with {found} {unit} of {what} where {rows} rows need {expected}"
    ))
}

fn array(
    field: &Field,
    rows: usize,
    values: wit::ValuesResult,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, String> {
    use wit::ValuesResult as V;
    Ok(match (field.logical_type.data_type(), values) {
        (DataType::Boolean, V::Bits(bits)) => {
            Arc::new(BooleanArray::new(bitmap("values", rows, bits)?, nulls))
        }
        (DataType::Int64, V::Int64(values)) => {
            expect_length("int64", rows, "values", values.len(), rows)?;
            Arc::new(Int64Array::new(values.into(), nulls))
        }
        (DataType::Float64, V::Float64(values)) => {
            expect_length("float64", rows, "values", values.len(), rows)?;
            Arc::new(Float64Array::new(values.into(), nulls))
        }
        (DataType::Utf8, V::Text(text)) => Arc::new(varlen::<Utf8Type>(rows, text, nulls)?),
        (DataType::Binary, V::Bytes(bytes)) => Arc::new(varlen::<BinaryType>(rows, bytes, nulls)?),
        (_, values) => {
            let layout = match values {
                V::Bits(_) => "bits",
                V::Int64(_) => "int64",
                V::Float64(_) => "float64",
                V::Text(_) => "text",
                V::Bytes(_) => "bytes",
            };
            return Err(format!(
                "as {layout}, which is not the layout of {}",
                field.logical_type
            ));
        }
    })
}

fn varlen<T: ByteArrayType<Offset = i32>>(
    rows: usize,
    varlen: wit::VarlenResult,
    nulls: Option<NullBuffer>,
) -> Result<GenericByteArray<T>, String> {
    let wit::VarlenResult { offsets, data } = varlen;
    expect_length("its values", rows + 1, "offsets", offsets.len(), rows)?;
    let last = offsets[rows];
    if offsets[0] != 0 {
        return Err(format!(
            "with offsets that start at {} instead of 0",
            offsets[0]
        ));
    }
    if last as usize != data.len() || i32::try_from(last).is_err() {
        return Err(format!(
            "with offsets that end at {last} in {} bytes of data",
            data.len()
        ));
    }
    if let Some(row) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(format!(
            "with offsets that decrease from {} to {} in output row {row}",
            offsets[row],
            offsets[row + 1]
        ));
    }
    // They never decrease and end below i32::MAX, so none is negative.
    let offsets = OffsetBuffer::new(ScalarBuffer::from(Buffer::from_vec(offsets)));
    let data = Buffer::from_vec(data);
    // Checks that the data is UTF-8 and that each offset is at a character's start.
    GenericByteArray::try_new(offsets.clone(), data.clone(), nulls)
        .map_err(|_| not_utf8(&offsets, &data))
}

/// Says where text is not UTF-8. Slow, for the message only.
fn not_utf8(offsets: &OffsetBuffer<i32>, data: &[u8]) -> String {
    let row = offsets
        .windows(2)
        .position(|pair| std::str::from_utf8(&data[pair[0] as usize..pair[1] as usize]).is_err());
    format!(
        "with text that is not UTF-8 in output row {}",
        row.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
