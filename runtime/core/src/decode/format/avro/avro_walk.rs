//! A walk over the bytes of a value, by its program.

use super::avro_cursor::{AvroCursor, DEPTH_MAX, EMPTY_MAX, NoAvro, Result, json_room};
use super::avro_json::AvroJson;
use super::avro_program::{AvroProgram, AvroRead, AvroStep, NONE};
use super::avro_types::AvroKind;
use crate::decode::conversion::put_document;
use crate::decode::form::{Elements, Form};
use crate::decode::slot::{Row, Slot};
use crate::decode::unavailable::Placeholder;

/// A walk: the bytes that are left, and where what is read goes.
struct AvroWalk<'a, 'r> {
    cursor: AvroCursor<'r>,
    row: &'a mut Row<'r>,
    placeholder: &'a Placeholder,
    depth: u32,
    /// So many more values may take no bytes.
    spare: u64,
    /// So many more bytes may be made of it as JSON.
    room: usize,
}

impl AvroProgram {
    /// Whether a value is none at all. One with bytes behind its null is no value of the schema,
    /// as a walk finds.
    pub(crate) fn is_null(&self, value: &[u8]) -> bool {
        let mut cursor = AvroCursor::new(value);
        self.null
            .is_some_and(|null| cursor.long() == Ok(null) && cursor.left() == 0)
    }

    /// Fills the slots of what is read of a value, and makes sure that it is one as a whole. The
    /// error is with the number of bytes that it got to.
    pub(crate) fn walk<'r>(
        &self,
        value: &'r [u8],
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> std::result::Result<(), (NoAvro, usize)> {
        let mut walk = AvroWalk {
            cursor: AvroCursor::new(value),
            row,
            placeholder,
            depth: 0,
            spare: u64::from(EMPTY_MAX) + value.len() as u64,
            room: json_room(value.len()),
        };
        let walked = walk
            .follow(self, 0)
            .and_then(|()| match walk.cursor.left() {
                0 => Ok(()),
                _ => Err(NoAvro::Trailing),
            });
        walked.map_err(|error| (error, value.len() - walk.cursor.left()))
    }
}

impl<'r> AvroWalk<'_, 'r> {
    /// Follows the steps from one on until they end or return.
    fn follow(&mut self, program: &AvroProgram, from: u32) -> Result<()> {
        let mut at = from as usize;
        loop {
            let step = program.steps[at];
            at += 1;
            match step {
                AvroStep::SkipVarints(count) => {
                    for _ in 0..count {
                        self.cursor.skip_varint()?;
                    }
                }
                AvroStep::SkipBytes(bytes) => {
                    self.cursor.take(bytes as usize)?;
                }
                AvroStep::SkipTexts(count) => {
                    for _ in 0..count {
                        self.cursor.bytes()?;
                    }
                }
                AvroStep::SkipOptionalVarint(null) => {
                    if self.cursor.index(2, NoAvro::Branch)? != null as usize {
                        self.cursor.skip_varint()?;
                    }
                }
                AvroStep::SkipOptionalText(null) => {
                    if self.cursor.index(2, NoAvro::Branch)? != null as usize {
                        self.cursor.bytes()?;
                    }
                }
                AvroStep::Optional { null, slot, after } => {
                    if self.cursor.index(2, NoAvro::Branch)? == null as usize {
                        at = after as usize;
                        if slot != NONE {
                            self.row.slots[slot as usize] = Slot::Null;
                        }
                    }
                }
                AvroStep::Int64(slot) => {
                    self.row.slots[slot as usize] = Slot::Int64(self.cursor.long()?);
                }
                AvroStep::Text(read) => {
                    let text = self.cursor.text()?;
                    let read = &program.reads[read as usize].read;
                    read.text(self.row, text, self.placeholder);
                }
                AvroStep::Read(read) => self.read(program, &program.reads[read as usize])?,
                AvroStep::Null(slot) => self.row.slots[slot as usize] = Slot::Null,
                AvroStep::Union { first, count } => {
                    let branch = self.cursor.index(count as usize, NoAvro::Branch)?;
                    at = program.branches[first as usize + branch] as usize;
                }
                AvroStep::Jump(to) => at = to as usize,
                AvroStep::Call(to) => self.deeper(program, to)?,
                AvroStep::Items { after } => {
                    self.items(program, at as u32)?;
                    at = after as usize;
                }
                AvroStep::Entries { map, after } => {
                    self.entries(program, map)?;
                    at = after as usize;
                }
                AvroStep::Ahead(read) => {
                    let cursor = self.cursor;
                    self.read(program, &program.reads[read as usize])?;
                    self.cursor = cursor;
                }
                AvroStep::Wrong(wrong) => {
                    let wrong = &program.wrongs[wrong as usize];
                    self.row
                        .wrong(wrong.slot, &wrong.path, &wrong.expected, &wrong.found);
                }
                AvroStep::Return | AvroStep::End => return Ok(()),
            }
        }
    }

    /// Follows steps that return, one level deeper. What takes no bytes there is counted: nothing
    /// else ends a block of them, nor records that lie in one another many times.
    fn deeper(&mut self, program: &AvroProgram, from: u32) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(NoAvro::TooDeep);
        }
        let left = self.cursor.left();
        self.follow(program, from)?;
        if self.cursor.left() == left {
            self.spare = self.spare.checked_sub(1).ok_or(NoAvro::TooMany)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn items(&mut self, program: &AvroProgram, body: u32) -> Result<()> {
        loop {
            match self.cursor.block()? {
                0 => return Ok(()),
                count => {
                    for _ in 0..count {
                        self.deeper(program, body)?;
                    }
                }
            }
        }
    }

    /// The entries of a map of which some are read: the last one of a name counts.
    fn entries(&mut self, program: &AvroProgram, map: u32) -> Result<()> {
        let map = &program.maps[map as usize];
        loop {
            let count = self.cursor.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                let name = self.cursor.bytes()?;
                let found = map.names.iter().find(|(n, _)| n.as_bytes() == name);
                self.deeper(program, found.map_or(map.skip, |(_, steps)| *steps))?;
            }
        }
    }

    /// Makes sure that the numbers of a list, which lies behind `start` of the scratch, have room
    /// for the digits behind their points: they are more than the bytes of a number.
    fn leave_room(&mut self, form: Form, start: usize) -> Result<()> {
        if let Form::List(Elements::Unscaled { scale }) = form {
            let list = &self.row.scratch.as_bytes()[start..];
            let count = memchr::memchr_iter(b',', list).count() + 1;
            let digits = count.saturating_mul(scale.unsigned_abs() as usize);
            self.room = self.room.checked_sub(digits).ok_or(NoAvro::TooLong)?;
        }
        Ok(())
    }

    fn read(&mut self, program: &AvroProgram, read: &AvroRead) -> Result<()> {
        let AvroRead { read, of } = read;
        if read.leaf.is_json() {
            let start = self.row.scratch.len();
            let out = &mut self.row.scratch;
            let left = (self.spare, self.room);
            let mut json = AvroJson::new(&program.types, self.cursor, out, self.depth, left);
            json.value(*of)?;
            (self.cursor, self.spare, self.room) = (json.cursor, json.spare, json.room());
            self.leave_room(read.leaf.form, start)?;
            put_document(read, self.row, start, self.placeholder);
            return Ok(());
        }
        let cursor = &mut self.cursor;
        match program.types.kind(*of) {
            AvroKind::Boolean => read.boolean(self.row, cursor.boolean()?),
            AvroKind::Int => read.integer(self.row, cursor.int()?.into()),
            AvroKind::Long => read.integer(self.row, cursor.long()?),
            AvroKind::Float => read.single(self.row, cursor.float()?),
            AvroKind::Double => read.float(self.row, cursor.double()?),
            AvroKind::Bytes => read.bytes(self.row, cursor.bytes()?, self.placeholder),
            AvroKind::Fixed(bytes) => {
                read.bytes(self.row, cursor.take(*bytes)?, self.placeholder);
            }
            AvroKind::Text => read.text(self.row, cursor.text()?, self.placeholder),
            AvroKind::Enum(symbols) => {
                let symbol = cursor.index(symbols.len(), NoAvro::Symbol)?;
                read.symbol(self.row, &symbols[symbol]);
            }
            AvroKind::Record(_) => {
                let scale = cursor.int()?;
                read.unscaled(self.row, cursor.bytes()?, scale);
            }
            // A compiler makes no such read.
            AvroKind::Null | AvroKind::List(_) | AvroKind::Map(_) | AvroKind::Union(_) => {
                debug_assert!(false, "{of} is of no value that is read");
            }
        }
        Ok(())
    }
}
