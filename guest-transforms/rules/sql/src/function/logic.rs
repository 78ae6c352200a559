//! Truth, and what takes values of all types.

use super::{Function, Prepared, strict};
use crate::call::Call;
use crate::types::Type::{Any, Boolean, Text};

pub(crate) static NOT: Function = strict("not", &[Boolean], Boolean, |call| {
    let mut column = call.arguments[0].kept(call.is_live.len(), |_| true);
    column.negate();
    column
});

/// Of any type: whether there is no value.
pub(crate) static IS_NULL: Function = strict("is null", &[Any], Boolean, |call| {
    call.to_bools(|row| Ok(Some(!call.is_valid(0, row))))
})
.lenient();

pub(crate) static IS_TRUE: Function = strict("is true", &[Boolean], Boolean, |call| {
    let values = call.bools(0);
    call.to_bools(|row| Ok(Some(call.is_valid(0, row) && values[row])))
})
.lenient();

pub(crate) static IS_FALSE: Function = strict("is false", &[Boolean], Boolean, |call| {
    let values = call.bools(0);
    call.to_bools(|row| Ok(Some(call.is_valid(0, row) && !values[row])))
})
.lenient();

/// `in` of constants.
pub(crate) static IN_TEXTS: Function = strict("in", &[Text], Boolean, |call| {
    let texts = call.texts(0);
    let Some(Prepared::Set { values, has_null }) = call.prepared else {
        return call.to_bools(|_| Ok(None));
    };
    call.to_bools(|row| match is_among(values, texts[row]) {
        true => Ok(Some(true)),
        false => Ok((!has_null).then_some(false)),
    })
})
.nullable();

/// So many are compared one by one sooner than they are searched.
const FEW: usize = 8;

/// Lengths differ more often than not, and are the cheapest to compare.
fn is_among(values: &[String], text: &str) -> bool {
    if values.len() <= FEW {
        return values.iter().any(|known| known == text);
    }
    let found = values.binary_search_by(|known| {
        known
            .len()
            .cmp(&text.len())
            .then_with(|| known.as_str().cmp(text))
    });
    found.is_ok()
}

/// The texts of all arguments, those of nulls left out.
pub(crate) static CONCAT: Function = strict("concat", &[Any], Text, |call| {
    call.to_texts(|row, buffer| {
        append_all(call, 0, row, |text| buffer.push_str(text));
        Ok(())
    })
})
.lenient();

pub(crate) static CONCAT_WS: Function = strict("concat_ws", &[Text, Any], Text, |call| {
    let separators = call.texts(0);
    call.to_texts_or_nulls(|row, buffer| {
        let mut is_first = true;
        append_all(call, 1, row, |text| {
            if !is_first {
                buffer.push_str(separators[row]);
            }
            is_first = false;
            buffer.push_str(text);
        });
        Ok(call.is_valid(0, row))
    })
})
.lenient();

fn append_all(call: &Call, from: usize, row: usize, mut append: impl FnMut(&str)) {
    for argument in &call.arguments[from..] {
        if argument.has(row) {
            append(argument.texts()[row]);
        }
    }
}
