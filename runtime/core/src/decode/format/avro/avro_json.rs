//! A value with all that lies in it, as JSON: unions without the names of their branches, bytes in
//! base64, numbers that JSON has none for as text. It is what Connect's converter writes.

use super::avro_cursor::{AvroCursor, DEPTH_MAX, EMPTY_MAX, NoAvro, Result, json_room};
use super::avro_types::{AvroKind, AvroTypes, TypeId};
use crate::decode::plain_json;

impl AvroTypes {
    /// A whole value as JSON. The error says why it is none of the schema.
    pub(crate) fn to_json(&self, value: &[u8]) -> std::result::Result<String, String> {
        let mut out = String::new();
        let spare = u64::from(EMPTY_MAX) + value.len() as u64;
        let room = json_room(value.len());
        let mut json = AvroJson::new(self, AvroCursor::new(value), &mut out, 0, (spare, room));
        let put = json.value(self.root);
        let put = put.and_then(|()| match json.cursor.left() {
            0 => Ok(()),
            _ => Err(NoAvro::Trailing),
        });
        put.map(|()| out).map_err(|error| error.to_string())
    }
}

/// A value on its way into a text.
pub(super) struct AvroJson<'a, 'r> {
    types: &'a AvroTypes,
    pub(super) cursor: AvroCursor<'r>,
    out: &'a mut String,
    depth: u32,
    /// So many more values may take no bytes.
    pub(super) spare: u64,
    /// Where `out` has to end.
    end: usize,
}

impl<'a, 'r> AvroJson<'a, 'r> {
    pub(super) fn new(
        types: &'a AvroTypes,
        cursor: AvroCursor<'r>,
        out: &'a mut String,
        depth: u32,
        (spare, room): (u64, usize),
    ) -> Self {
        Self {
            end: out.len().saturating_add(room),
            types,
            cursor,
            out,
            depth,
            spare,
        }
    }

    /// So many bytes may still be appended.
    pub(super) fn room(&self) -> usize {
        self.end.saturating_sub(self.out.len())
    }

    /// Appends a value of that type.
    pub(super) fn value(&mut self, of: TypeId) -> Result<()> {
        if self.out.len() > self.end {
            return Err(NoAvro::TooLong);
        }
        match self.types.kind(of) {
            AvroKind::Null => {
                self.count_empty()?;
                self.out.push_str("null");
            }
            AvroKind::Boolean => {
                let value = self.cursor.boolean()?;
                self.out.push_str(if value { "true" } else { "false" });
            }
            AvroKind::Int => {
                let value = self.cursor.int()?;
                self.integer(value.into());
            }
            AvroKind::Long => {
                let value = self.cursor.long()?;
                self.integer(value);
            }
            AvroKind::Float => {
                let value = self.cursor.float()?;
                self.number(plain_json::widened(value));
            }
            AvroKind::Double => {
                let value = self.cursor.double()?;
                self.number(value);
            }
            AvroKind::Bytes => {
                let value = self.cursor.bytes()?;
                self.bytes(value);
            }
            AvroKind::Fixed(bytes) => {
                let value = self.cursor.take(*bytes)?;
                if value.is_empty() {
                    self.count_empty()?;
                }
                self.bytes(value);
            }
            AvroKind::Text => {
                let value = self.cursor.text()?;
                plain_json::put_text(self.out, value);
            }
            AvroKind::Enum(symbols) => {
                let symbol = self.cursor.index(symbols.len(), NoAvro::Symbol)?;
                plain_json::put_text(self.out, &symbols[symbol]);
            }
            AvroKind::Union(branches) => {
                let branch = self.cursor.index(branches.len(), NoAvro::Branch)?;
                self.value(branches[branch])?;
            }
            AvroKind::List(items) => self.deeper(|json| json.list(*items))?,
            AvroKind::Map(values) => self.deeper(|json| json.map(*values))?,
            AvroKind::Record(fields) => self.deeper(|json| {
                json.count_empty()?;
                json.out.push('{');
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        json.out.push(',');
                    }
                    plain_json::put_text(json.out, &field.name);
                    json.out.push(':');
                    json.value(field.of)?;
                }
                json.out.push('}');
                Ok(())
            })?,
        }
        Ok(())
    }

    fn deeper(&mut self, put: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(NoAvro::TooDeep);
        }
        put(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn count_empty(&mut self) -> Result<()> {
        self.spare = self.spare.checked_sub(1).ok_or(NoAvro::TooMany)?;
        Ok(())
    }

    fn list(&mut self, items: TypeId) -> Result<()> {
        self.out.push('[');
        let mut is_first = true;
        loop {
            let count = self.cursor.block()?;
            if count == 0 {
                self.out.push(']');
                return Ok(());
            }
            for _ in 0..count {
                self.comma(&mut is_first);
                self.value(items)?;
            }
        }
    }

    fn map(&mut self, values: TypeId) -> Result<()> {
        self.out.push('{');
        let mut is_first = true;
        loop {
            let count = self.cursor.block()?;
            if count == 0 {
                self.out.push('}');
                return Ok(());
            }
            for _ in 0..count {
                self.comma(&mut is_first);
                let name = self.cursor.text()?;
                plain_json::put_text(self.out, name);
                self.out.push(':');
                self.value(values)?;
            }
        }
    }

    fn comma(&mut self, is_first: &mut bool) {
        if !std::mem::take(is_first) {
            self.out.push(',');
        }
    }

    fn integer(&mut self, value: i64) {
        use std::fmt::Write as _;
        let _ = write!(self.out, "{value}");
    }

    fn number(&mut self, value: f64) {
        match value.is_finite() {
            true => plain_json::put_number(self.out, value),
            false => {
                self.out.push('"');
                plain_json::put_number(self.out, value);
                self.out.push('"');
            }
        }
    }

    fn bytes(&mut self, value: &[u8]) {
        self.out.push('"');
        plain_json::put_base64(self.out, value);
        self.out.push('"');
    }
}
