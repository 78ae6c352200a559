//! How a column of the target takes texts that Postgres would read otherwise, or would round.

use bytes::{BufMut, BytesMut};
use gristmill_core::column::LogicalType;
use gristmill_core::decode::{
    Elements, JsonDecimals, JsonForms, ListFault, ListStyle, Unit, has_more_digits, write_list,
};

/// How values are written to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnForm {
    /// As they are sent.
    Plain,
    /// Lists in JSON are arrays.
    Array(ArrayForm),
    /// Decimal numbers have at most so many digits behind their point.
    Decimal { scale: i32 },
}

/// What an array column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArrayForm {
    pub(crate) elements: Elements,
    /// How many digits its numbers have behind their point at most, and its times of a second.
    pub(crate) digits: Option<i32>,
}

impl ColumnForm {
    /// Of values of `logical_type`, whose JSON is in `forms`, in a column of a type as `\d` shows
    /// it, and of that without modifiers.
    pub(crate) fn new(
        logical_type: LogicalType,
        type_name: &str,
        base_type: &str,
        forms: JsonForms,
    ) -> Self {
        match logical_type {
            LogicalType::Json => match elements(type_name, base_type, forms) {
                Some(elements) => Self::Array(ArrayForm {
                    elements,
                    digits: digits(type_name),
                }),
                None => Self::Plain,
            },
            LogicalType::Decimal { scale, .. } => match scale_of(type_name, base_type) {
                Some(held) if held < i32::from(scale) => Self::Decimal { scale: held },
                _ => Self::Plain,
            },
            LogicalType::Numeric => match scale_of(type_name, base_type) {
                Some(scale) => Self::Decimal { scale },
                None => Self::Plain,
            },
            _ => Self::Plain,
        }
    }
}

/// What the elements of an array are, where JSON writes them otherwise than Postgres reads them. Of
/// an array type as `\d` shows it, and without modifiers: `timestamp(3) without time zone[]`.
/// `None`: it is no array. As Debezium does by default: times of up to three digits are
/// milliseconds, others microseconds.
fn elements(type_name: &str, base_type: &str, forms: JsonForms) -> Option<Elements> {
    let element = base_type.strip_suffix("[]")?;
    let is_coarse = ["(0)", "(1)", "(2)", "(3)"];
    let unit = match is_coarse.iter().any(|size| type_name.contains(size)) {
        true => Unit::Millis,
        false => Unit::Micros,
    };
    Some(match element {
        "date" => Elements::Dates,
        "timestamp without time zone" | "timestamp with time zone" => Elements::Instants(unit),
        "time without time zone" => Elements::Times(unit),
        "bytea" => Elements::Bytes(forms.bytes),
        "numeric" => match (forms.decimals, digits(type_name)) {
            (JsonDecimals::Text, _) => Elements::Numbers,
            (JsonDecimals::Base64, Some(scale)) => Elements::Unscaled { scale },
            (JsonDecimals::Base64, None) => Elements::UnscaledOnly,
        },
        _ => Elements::Plain,
    })
}

/// The digits behind the point that a `numeric(p,s)` holds; `None`: any number of them, or it is
/// another type.
fn scale_of(type_name: &str, base_type: &str) -> Option<i32> {
    (base_type == "numeric")
        .then(|| digits(type_name))
        .flatten()
}

/// The last number in the brackets of a type's name: the digits behind a point. `numeric(5)` has
/// none.
pub(crate) fn digits(type_name: &str) -> Option<i32> {
    let (name, modifier) = type_name.split_once('(')?;
    let (modifier, _) = modifier.split_once(')')?;
    match modifier.split_once(',') {
        Some((_, scale)) => scale.trim().parse().ok(),
        None if name == "numeric" => Some(0),
        None => modifier.trim().parse().ok(),
    }
}

/// Appends a decimal number. One that the column would round is appended as a text that is none
/// and says so: Postgres refuses it with these words.
pub(crate) fn put_decimal(text: &str, scale: i32, out: &mut BytesMut) {
    out.put_slice(text.as_bytes());
    if has_more_digits(text, scale) {
        let words = format!(" has more digits behind its point than the {scale} of the column");
        out.put_slice(words.as_bytes());
    }
}

/// Room in which arrays are written, one after another.
#[derive(Default)]
pub(crate) struct ArrayRoom {
    text: String,
    bytes: Vec<u8>,
}

impl ArrayForm {
    /// Appends the array that `json` is. What is none, or has an element that is not of the column,
    /// is appended as a text that is none either and says so: Postgres refuses it with these words.
    pub(crate) fn put(self, json: &str, room: &mut ArrayRoom, out: &mut BytesMut) {
        room.text.clear();
        match self.write(json, room) {
            Ok(()) => out.put_slice(room.text.as_bytes()),
            Err(ListFault::NoList) => out.put_slice(json.as_bytes()),
            Err(fault) => {
                out.put_slice(fault.to_string().as_bytes());
                out.put_slice(b": ");
                out.put_slice(json.as_bytes());
            }
        }
    }

    fn write(self, json: &str, room: &mut ArrayRoom) -> Result<(), ListFault> {
        let (text, bytes) = (&mut room.text, &mut room.bytes);
        write_list(
            json,
            self.elements,
            self.digits,
            ListStyle::Array,
            text,
            bytes,
        )
    }
}

/// Why a column of the type `type_name`, as a config declares it, would refuse the list that `json`
/// is; `None`: it takes it, or is of no array.
pub fn list_fault(type_name: &str, json: &str, forms: JsonForms) -> Option<ListFault> {
    let ColumnForm::Array(form) = declared(type_name, forms) else {
        return None;
    };
    form.write(json, &mut ArrayRoom::default()).err()
}

/// What the elements of a column of the type `type_name` are, as a config declares it; `None`: it
/// is of no array.
pub fn declared_elements(type_name: &str, forms: JsonForms) -> Option<Elements> {
    match declared(type_name, forms) {
        ColumnForm::Array(form) => Some(form.elements),
        _ => None,
    }
}

fn declared(type_name: &str, forms: JsonForms) -> ColumnForm {
    let base_type = match (type_name.find('('), type_name.find(')')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{}", &type_name[..first], &type_name[last + 1..])
        }
        _ => type_name.to_owned(),
    };
    ColumnForm::new(LogicalType::Json, type_name, &base_type, forms)
}

#[cfg(test)]
mod tests {
    use gristmill_core::decode::JsonBytes;

    use super::*;

    fn put(name: &str, base: &str, json: &str) -> String {
        let form = ColumnForm::new(LogicalType::Json, name, base, JsonForms::default());
        let ColumnForm::Array(form) = form else {
            return format!("{form:?}");
        };
        let mut out = BytesMut::from("before ");
        form.put(json, &mut ArrayRoom::default(), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn elements_are_what_the_column_s_are() {
        let of = |name: &str, base: &str| elements(name, base, JsonForms::default());
        let local = "timestamp without time zone[]";
        assert_eq!(
            of("timestamp(3) without time zone[]", local),
            Some(Elements::Instants(Unit::Millis))
        );
        assert_eq!(of(local, local), Some(Elements::Instants(Unit::Micros)));
        assert_eq!(of("date", "date"), None);
        assert_eq!(of("mood[]", "mood[]"), Some(Elements::Plain));
        assert_eq!(of("numeric(12,2)[]", "numeric[]"), Some(Elements::Numbers));
        let forms = JsonForms {
            decimals: JsonDecimals::Base64,
            bytes: JsonBytes::Hex,
        };
        let of = |name: &str, base: &str| elements(name, base, forms);
        let unscaled = |scale| Some(Elements::Unscaled { scale });
        assert_eq!(of("numeric(12,2)[]", "numeric[]"), unscaled(2));
        assert_eq!(of("numeric(5)[]", "numeric[]"), unscaled(0));
        assert_eq!(of("numeric[]", "numeric[]"), Some(Elements::UnscaledOnly));
        assert_eq!(
            of("bytea[]", "bytea[]"),
            Some(Elements::Bytes(JsonBytes::Hex))
        );
    }

    #[test]
    fn what_is_no_array_says_what_it_should_be() {
        let put = |json| put("bytea[]", "bytea[]", json);
        assert_eq!(put(r#"["AA=="]"#), r#"before {"\\x00"}"#);
        assert_eq!(put("1"), "before 1");
        assert_eq!(
            put("[1]"),
            "before each element should be base64, as json_bytes under [source] says: [1]"
        );
    }

    #[test]
    fn a_number_in_a_list_loses_no_digit_and_a_time_is_cut() {
        let cents = |json| put("numeric(12,2)[]", "numeric[]", json);
        assert_eq!(
            cents(r#"[1.50,"-2.340",1e2]"#),
            r#"before {"1.50","-2.340","1e2"}"#
        );
        for json in [
            "[1.005]",
            r#"["1.005"]"#,
            r#"[[1],[{"scale":4,"value":"MDk="}]]"#,
            "[1e-3]",
        ] {
            let told = cents(json);
            let words = "before an element has more digits behind its point than the 2 of the \
                         column: [";
            assert!(told.starts_with(words), "{told}");
        }
        let whole = |json| put("numeric(5)[]", "numeric[]", json);
        assert_eq!(whole("[5.0]"), r#"before {"5.0"}"#);
        assert!(whole("[5.5]").contains("than the 0 of"));
        assert!(put("numeric(3,-1)[]", "numeric[]", "[15]").contains("than the -1 of"));
        assert_eq!(
            put("numeric[]", "numeric[]", "[1.005]"),
            r#"before {"1.005"}"#
        );
        let local = "timestamp without time zone[]";
        assert_eq!(
            put(
                "timestamp(0) without time zone[]",
                local,
                "[1726576496999,-1]"
            ),
            r#"before {"2024-09-17 12:34:56.000000+00","1969-12-31 23:59:59.000000+00"}"#
        );
        let times = "time without time zone[]";
        assert_eq!(
            put("time(4) without time zone[]", times, "[45296789999]"),
            r#"before {"12:34:56.789900"}"#
        );
    }

    #[test]
    fn a_number_loses_no_digit_in_a_narrower_column() {
        let of = |logical_type, name: &str| {
            ColumnForm::new(logical_type, name, "numeric", JsonForms::default())
        };
        let (wide, scale) = (LogicalType::Numeric, 2);
        let narrow = LogicalType::Decimal {
            precision: 9,
            scale: 2,
        };
        assert_eq!(of(wide, "numeric(12,2)"), ColumnForm::Decimal { scale });
        assert_eq!(of(wide, "numeric"), ColumnForm::Plain);
        assert_eq!(of(narrow, "numeric(12,2)"), ColumnForm::Plain);
        assert_eq!(of(narrow, "numeric(12)"), ColumnForm::Decimal { scale: 0 });
        let put = |text: &str| {
            let mut out = BytesMut::new();
            put_decimal(text, 2, &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        for text in ["1.500", "-0", "NaN", "Infinity", "12e-2"] {
            assert_eq!(put(text), text);
        }
        assert_eq!(
            put("-1.005"),
            "-1.005 has more digits behind its point than the 2 of the column"
        );
    }

    #[test]
    fn a_declared_type_says_what_a_list_is() {
        let hex = JsonForms {
            bytes: JsonBytes::Hex,
            ..JsonForms::default()
        };
        let fault = |of, json| list_fault(of, json, hex);
        assert_eq!(fault("numeric(10,2)[]", "[1.25]"), None);
        assert_eq!(
            fault("numeric(10,2)[]", "[1.255]"),
            Some(ListFault::Digits(2))
        );
        assert_eq!(fault("bytea[]", r#"["00ff"]"#), None);
        assert!(fault("bytea[]", r#"["AA=="]"#).is_some());
        assert!(fault("timestamp(3) without time zone[]", "[true]").is_some());
        assert_eq!(fault("text", "1"), None);
    }
}
