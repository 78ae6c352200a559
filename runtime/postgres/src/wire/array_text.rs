//! What the elements of an array column are, where JSON writes them otherwise than Postgres reads
//! them.

use bytes::{BufMut, BytesMut};
use gristmill_core::decode::{
    Elements, JsonDecimals, JsonForms, ListFault, ListStyle, Unit, write_list,
};

/// Of an array type as `\d` shows it, and without modifiers: `timestamp(3) without time zone[]`.
/// `None`: it is no array. As Debezium does by default: times of up to three digits are
/// milliseconds, others microseconds.
pub(crate) fn elements(type_name: &str, base_type: &str, forms: JsonForms) -> Option<Elements> {
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
        "numeric" => match (forms.decimals, scale(type_name)) {
            (JsonDecimals::Text, _) => Elements::Numbers,
            (JsonDecimals::Base64, Some(scale)) => Elements::Unscaled { scale },
            (JsonDecimals::Base64, None) => Elements::UnscaledOnly,
        },
        _ => Elements::Plain,
    })
}

/// Digits behind the point of a `numeric(p,s)[]`.
fn scale(type_name: &str) -> Option<i32> {
    let (_, modifier) = type_name.split_once('(')?;
    let (modifier, _) = modifier.split_once(')')?;
    match modifier.split_once(',') {
        Some((_, scale)) => scale.trim().parse().ok(),
        None => Some(0),
    }
}

/// Room in which arrays are written, one after another.
#[derive(Default)]
pub(crate) struct ArrayRoom {
    text: String,
    bytes: Vec<u8>,
}

/// Appends the array that `json` is. What is none, or has an element that is not of the column, is
/// appended as a text that is none either and says so: Postgres refuses it with these words.
pub(crate) fn put_array(json: &str, elements: Elements, room: &mut ArrayRoom, out: &mut BytesMut) {
    room.text.clear();
    let style = ListStyle::Array;
    match write_list(json, elements, style, &mut room.text, &mut room.bytes) {
        Ok(()) => out.put_slice(room.text.as_bytes()),
        Err(ListFault::NoList) => out.put_slice(json.as_bytes()),
        Err(ListFault::Element(expected)) => {
            out.put_slice(b"each element should be ");
            out.put_slice(expected.as_bytes());
            out.put_slice(b": ");
            out.put_slice(json.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use gristmill_core::decode::JsonBytes;

    use super::*;

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
        let put = |json: &str| {
            let mut out = BytesMut::from("before ");
            let of = Elements::Bytes(JsonBytes::Base64);
            put_array(json, of, &mut ArrayRoom::default(), &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(put(r#"["AA=="]"#), r#"before {"\\x00"}"#);
        assert_eq!(put("1"), "before 1");
        assert_eq!(
            put("[1]"),
            "before each element should be base64, as json_bytes under [source] says: [1]"
        );
    }
}
