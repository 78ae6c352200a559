//! What one record says, until it is known to be usable: the columns see good rows only.

use std::fmt;

use super::scratch::Scratch;
use super::shape::is_uuid;
use crate::column::{Field, LogicalType};

/// A read's value in the record at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Slot<'r> {
    /// The record does not say.
    Absent,
    /// The record names it, and says that its value was not sent.
    Unsent,
    Null,
    Boolean(bool),
    Int64(i64),
    Float64(f64),
    /// Text as the record spells it.
    Text(&'r str),
    /// A piece of [`Row::scratch`]: text with escapes, which the record does not hold in one piece.
    Unescaped {
        start: usize,
        end: usize,
    },
    /// Bytes as the record has them.
    Bytes(&'r [u8]),
    /// A piece of [`Row::bytes`]: what a text stands for.
    Decoded {
        start: usize,
        end: usize,
    },
    /// It cannot be used; why is in [`Row::faults`].
    Faulty,
}

impl Slot<'_> {
    /// Whether it holds no value.
    pub(super) fn is_empty(self) -> bool {
        matches!(self, Self::Absent | Self::Unsent | Self::Null)
    }
}

/// Why a record cannot be used: a dead letter's code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordFault {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Why a record was not read.
#[derive(Clone, Debug)]
pub(super) enum Unread {
    Fault(RecordFault),
    /// Its value must be in one piece.
    InPieces,
}

impl From<RecordFault> for Unread {
    fn from(fault: RecordFault) -> Self {
        Self::Fault(fault)
    }
}

/// The slots of the record at hand and what they need.
#[derive(Debug, Default)]
pub(super) struct Row<'r> {
    pub(super) slots: Vec<Slot<'r>>,
    pub(super) scratch: String,
    pub(super) bytes: Vec<u8>,
    /// Faults with their slots. A slot that a later duplicate name made good has left its fault
    /// here.
    faults: Vec<(usize, RecordFault)>,
}

impl<'r> Row<'r> {
    pub(super) fn new(slots: usize, (scratch, bytes): (String, Vec<u8>)) -> Self {
        Self {
            slots: vec![Slot::Absent; slots],
            scratch,
            bytes,
            faults: Vec::new(),
        }
    }

    /// Forgets the record.
    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::Absent);
        self.scratch.clear();
        self.bytes.clear();
        self.faults.clear();
    }

    /// Puts `text`, which is neither from JSON nor checked yet, into the slot of the read `field`.
    pub(super) fn text(&mut self, slot: usize, field: &Field, text: &'r str) {
        if field.logical_type == LogicalType::Uuid && !is_uuid(text) {
            self.wrong(slot, &field.name, field.logical_type, Quoted(text));
        } else if memchr::memchr(0, text.as_bytes()).is_some() {
            self.zero_byte(slot, &field.name);
        } else {
            self.slots[slot] = Slot::Text(text);
        }
    }

    /// Where values go that the record does not hold in one piece.
    pub(super) fn room(&mut self) -> Scratch<'_> {
        Scratch {
            text: &mut self.scratch,
            bytes: &mut self.bytes,
        }
    }

    /// Keeps a copy of `text` in `slot`.
    pub(super) fn unescaped(&mut self, slot: usize, text: &str) {
        let start = self.scratch.len();
        self.scratch.push_str(text);
        self.slots[slot] = Slot::Unescaped {
            start,
            end: self.scratch.len(),
        };
    }

    /// Marks `slot` as mistyped: `path` should have been `expected`.
    #[cold]
    pub(super) fn wrong(
        &mut self,
        slot: usize,
        path: &str,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        let message = format!("{path}: expected {expected}, found {found}");
        self.fault(
            slot,
            RecordFault {
                code: "wrong-type",
                message,
            },
        );
    }

    /// Marks `slot` as holding what Postgres cannot store.
    #[cold]
    pub(super) fn zero_byte(&mut self, slot: usize, path: &str) {
        let message = format!("{path}: holds the character U+0000, which Postgres cannot store");
        self.fault(
            slot,
            RecordFault {
                code: "zero-byte",
                message,
            },
        );
    }

    /// Marks `slot` as holding what is no text.
    #[cold]
    pub(super) fn half_pair(&mut self, slot: usize, path: &str) {
        let message = format!(
            "{path}: holds half of a surrogate pair (a `\\u` escape from d800 to dfff without its \
             other half), which is no character: was the text cut in the middle of one?"
        );
        self.fault(
            slot,
            RecordFault {
                code: "malformed",
                message,
            },
        );
    }

    /// Marks `slot` as unusable.
    pub(super) fn fault(&mut self, slot: usize, fault: RecordFault) {
        self.slots[slot] = Slot::Faulty;
        self.faults.push((slot, fault));
    }

    /// The fault of the first slot that has one.
    pub(super) fn first_fault(&self) -> Option<&RecordFault> {
        // Good records never get past this test.
        if self.faults.is_empty() {
            return None;
        }
        let slot = self.slots.iter().position(|s| matches!(s, Slot::Faulty))?;
        self.faults
            .iter()
            .rev()
            .find(|(s, _)| *s == slot)
            .map(|(_, fault)| fault)
    }
}

/// Text as a message shows it: quoted, and short.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to recognize a value by, and a message stays one line of a terminal.
        const CHARS_MAX: usize = 40;
        match self.0.char_indices().nth(CHARS_MAX) {
            Some((end, _)) => write!(f, "text {:?}...", &self.0[..end]),
            None => write!(f, "text {:?}", self.0),
        }
    }
}
