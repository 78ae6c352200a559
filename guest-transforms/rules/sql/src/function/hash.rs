//! Digests, and bytes as texts.

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::{Function, Prepared, strict};
use crate::call::Failure;
use crate::input;
use crate::types::Type::{Bytea, Text};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    strict("md5", &[Text], Text, |call| {
        let texts = call.texts(0);
        call.to_texts(|row, buffer| {
            input::write_hexadecimal(&Md5::digest(texts[row].as_bytes()), buffer);
            Ok(())
        })
    }),
    strict("md5", &[Bytea], Text, |call| {
        let bytes = call.bytes(0);
        call.to_texts(|row, buffer| {
            input::write_hexadecimal(&Md5::digest(bytes[row]), buffer);
            Ok(())
        })
    }),
    strict("sha256", &[Bytea], Bytea, |call| {
        let bytes = call.bytes(0);
        call.to_bytes(|row, buffer| {
            buffer.extend_from_slice(&sha2::Digest::finalize(
                <Sha256 as sha2::Digest>::new_with_prefix(bytes[row]),
            ));
            Ok(())
        })
    }),
    strict("encode", &[Bytea, Text], Text, |call| {
        let bytes = call.bytes(0);
        let Some(Prepared::Name(format)) = call.prepared else {
            return call.to_views(|_| Ok(None));
        };
        call.to_texts(|row, buffer| {
            match *format {
                "hex" => input::write_hexadecimal(bytes[row], buffer),
                "base64" => write_base64(bytes[row], buffer),
                _ => write_escaped(bytes[row], buffer),
            }
            Ok(())
        })
    })
    .with(format),
    strict("decode", &[Text, Text], Bytea, |call| {
        let texts = call.texts(0);
        let Some(Prepared::Name(format)) = call.prepared else {
            return call.to_byte_views(|_| Ok(None));
        };
        call.to_bytes(|row, buffer| match *format {
            "hex" => input::hexadecimal(texts[row], buffer).map_err(Failure::Owned),
            "base64" => read_base64(texts[row], buffer).map_err(Failure::Owned),
            _ => input::unescape(texts[row].as_bytes(), buffer)
                .ok_or("invalid input syntax for type bytea".into()),
        })
    })
    .with(format),
    strict("convert_to", &[Text, Text], Bytea, |call| {
        let texts = call.texts(0);
        call.to_byte_views(|row| Ok(Some(texts[row].as_bytes())))
    })
    .with(utf8),
    strict("convert_from", &[Bytea, Text], Text, |call| {
        let bytes = call.bytes(0);
        call.to_views(|row| text_of(bytes[row]).map(Some).map_err(Failure::Owned))
    })
    .with(utf8),
];

fn format(arguments: &[Option<&Value>]) -> Result<Option<Prepared>, (usize, String)> {
    let name = arguments.get(1).copied().flatten().and_then(Value::as_text);
    let name = name.ok_or_else(|| (1, "the format must be a constant".to_owned()))?;
    let known = ["hex", "base64", "escape"];
    match known
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
    {
        Some(known) => Ok(Some(Prepared::Name(known))),
        None => Err((
            1,
            format!("unrecognized encoding: \"{name}\": take hex, base64 or escape"),
        )),
    }
}

fn utf8(arguments: &[Option<&Value>]) -> Result<Option<Prepared>, (usize, String)> {
    match arguments.get(1).copied().flatten().and_then(Value::as_text) {
        Some(name)
            if ["utf8", "utf-8"]
                .iter()
                .any(|n| name.eq_ignore_ascii_case(n)) =>
        {
            Ok(None)
        }
        _ => Err((1, "the only encoding here is 'UTF8'".to_owned())),
    }
}

/// PostgreSQL's sentence names the bytes at fault.
fn text_of(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes);
    let at = match text {
        Ok(text) => match text.find('\0') {
            None => return Ok(text),
            Some(at) => at,
        },
        Err(error) => error.valid_up_to(),
    };
    // As many as the first byte promises, or as there are.
    let promised = match bytes[at] {
        0x00..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let wrong = &bytes[at..(at + promised).min(bytes.len())];
    let wrong: Vec<String> = wrong.iter().map(|byte| format!("0x{byte:02x}")).collect();
    Err(format!(
        "invalid byte sequence for encoding \"UTF8\": {}",
        wrong.join(" ")
    ))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a line, as MIME has it.
const LINE: usize = 76;

fn write_base64(bytes: &[u8], buffer: &mut String) {
    let mut written = 0;
    for chunk in bytes.chunks(3) {
        if written == LINE {
            buffer.push('\n');
            written = 0;
        }
        let at = |index: usize| u32::from(*chunk.get(index).unwrap_or(&0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) as usize & 63;
            buffer.push(if place > chunk.len() {
                '='
            } else {
                BASE64[sextet].into()
            });
        }
        written += 4;
    }
    // A line of whole groups ends; one that is filled up does not.
    if written == LINE && bytes.len().is_multiple_of(3) {
        buffer.push('\n');
    }
}

fn read_base64(text: &str, buffer: &mut Vec<u8>) -> Result<(), String> {
    let (mut bits, mut count, mut end) = (0_u32, 0, 0);
    for c in text.chars() {
        let sextet = match c {
            ' ' | '\t' | '\n' | '\r' => continue,
            '=' => {
                end = match (end, count) {
                    (0, 2) => 1,
                    (0, 3) => 2,
                    (0, _) => {
                        return Err("unexpected \"=\" while decoding base64 sequence".to_owned());
                    }
                    _ => end,
                };
                0
            }
            _ => match BASE64.iter().position(|known| char::from(*known) == c) {
                Some(sextet) => sextet as u32,
                None => {
                    return Err(format!(
                        "invalid symbol \"{c}\" found while decoding base64 sequence"
                    ));
                }
            },
        };
        bits = bits << 6 | sextet;
        count += 1;
        if count == 4 {
            buffer.push((bits >> 16) as u8);
            if end != 1 {
                buffer.push((bits >> 8) as u8);
            }
            if end == 0 {
                buffer.push(bits as u8);
            }
            (bits, count) = (0, 0);
        }
    }
    match count {
        0 => Ok(()),
        _ => Err("invalid base64 end sequence".to_owned()),
    }
}

fn write_escaped(bytes: &[u8], buffer: &mut String) {
    for byte in bytes {
        match byte {
            b'\\' => buffer.push_str("\\\\"),
            0 | 0x80.. => {
                buffer.push('\\');
                for shift in [6, 3, 0] {
                    buffer.push(char::from(b'0' + (byte >> shift & 7)));
                }
            }
            _ => buffer.push(char::from(*byte)),
        }
    }
}
