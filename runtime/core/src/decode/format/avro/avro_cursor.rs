//! Where a walk over the bytes of a value is. Nothing that they say is trusted.

/// Why bytes are no value of their schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAvro {
    #[error("the value ends in the middle of one of its fields")]
    End,
    #[error("a number has more than 64 bits")]
    LongNumber,
    #[error("a number has more than the 32 bits of an int")]
    LongInt,
    #[error("a length or a count is negative")]
    Negative,
    #[error("the branch of a union is none of those that its schema has")]
    Branch,
    #[error("a symbol is none of those that its enum has")]
    Symbol,
    #[error("a boolean is neither 0 nor 1")]
    Boolean,
    #[error("a string is not UTF-8")]
    Utf8,
    #[error("values lie in one another deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("it has more than {EMPTY_MAX} values of no bytes")]
    TooMany,
    #[error("as JSON it is longer than {JSON_MIN} bytes and {JSON_GROWTH} times its own")]
    TooLong,
    #[error("bytes follow behind its last field")]
    Trailing,
}

/// How deep records, lists and maps may lie in one another: half of what JSON may, as a level of
/// JSON's is an object or a list, and here a union lies between.
pub(super) const DEPTH_MAX: u32 = 64;

/// So many values of a record may take no bytes: more than any real one has, and a few
/// milliseconds.
pub(super) const EMPTY_MAX: u32 = 1_000_000;

/// Any value may be so many bytes of JSON, and so many more for each byte of its own: a field that
/// is null is one byte, and the names of Postgres' columns have 63.
const JSON_MIN: usize = 1 << 24;
const JSON_GROWTH: usize = 64;

/// So many bytes of JSON may be made of a value of so many bytes.
pub(super) fn json_room(bytes: usize) -> usize {
    bytes.saturating_mul(JSON_GROWTH).saturating_add(JSON_MIN)
}

/// The bytes of a value and how far a walk has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct AvroCursor<'r> {
    rest: &'r [u8],
}

pub(super) type Result<T> = std::result::Result<T, NoAvro>;

impl<'r> AvroCursor<'r> {
    pub(super) fn new(bytes: &'r [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// A number of 64 bits, zigzag.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A number of 32 bits, zigzag.
    #[inline]
    pub(super) fn int(&mut self) -> Result<i32> {
        i32::try_from(self.long()?).map_err(|_| NoAvro::LongInt)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline]
    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().enumerate() {
            // The tenth byte has the last of 64 bits.
            if i == 9 && byte > 1 {
                return Err(NoAvro::LongNumber);
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(NoAvro::End)
    }

    /// Passes over a number.
    #[inline]
    pub(super) fn skip_varint(&mut self) -> Result<()> {
        self.varint().map(drop)
    }

    /// So many bytes.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) -> Result<&'r [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(NoAvro::End)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'r [u8]> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| NoAvro::Negative)?;
        self.take(length)
    }

    /// A text behind its length.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'r str> {
        simdutf8::basic::from_utf8(self.bytes()?).map_err(|_| NoAvro::Utf8)
    }

    pub(super) fn boolean(&mut self) -> Result<bool> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(NoAvro::Boolean),
        }
    }

    pub(super) fn float(&mut self) -> Result<f32> {
        let bytes = self.take(4)?.try_into().map_err(|_| NoAvro::End)?;
        Ok(f32::from_le_bytes(bytes))
    }

    pub(super) fn double(&mut self) -> Result<f64> {
        let bytes = self.take(8)?.try_into().map_err(|_| NoAvro::End)?;
        Ok(f64::from_le_bytes(bytes))
    }

    /// The number of the next block's items; 0: there are no more.
    pub(super) fn block(&mut self) -> Result<u64> {
        let count = self.long()?;
        if count < 0 {
            // How many bytes the block has, for those who pass over it: it may lie.
            self.skip_varint()?;
        }
        Ok(count.unsigned_abs())
    }

    /// Which branch of a union, or symbol of an enum.
    #[inline]
    pub(super) fn index(&mut self, count: usize, none: NoAvro) -> Result<usize> {
        let index = usize::try_from(self.long()?).map_err(|_| none)?;
        if index < count { Ok(index) } else { Err(none) }
    }
}
