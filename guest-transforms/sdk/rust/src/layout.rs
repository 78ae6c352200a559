//! The physical layouts of values: flat buffers, so that a column crosses the sandbox as one copy.

/// Values of one column without their nulls.
#[doc(hidden)]
#[allow(clippy::len_without_is_empty, reason = "columns have it")]
pub trait Layout: Default + 'static {
    /// One value.
    type Value<'a>: Copy;

    /// Room for `rows` values.
    fn with_capacity(rows: usize) -> Self;

    /// How many values there are.
    fn len(&self) -> usize;

    /// The value at `row`, which must be below [`Layout::len`]. Under a null it is meaningless.
    fn get(&self, row: usize) -> Self::Value<'_>;

    /// Appends a value.
    fn push(&mut self, value: Self::Value<'_>);

    /// Appends what stands under a null.
    fn push_blank(&mut self);
}

/// One bit a row, least significant bit first: the values of a `Column<Bits>`, which are `bool`s.
///
/// ```
/// let mut flags = gristmill_guest::Column::<gristmill_guest::Bits>::default();
/// flags.push(Some(true));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    pub(crate) fn from_bytes(bytes: Vec<u8>, len: usize) -> Self {
        Self { bytes, len }
    }

    /// `len` bits, all set.
    pub(crate) fn ones(len: usize) -> Self {
        let mut bytes = vec![0xff; len.div_ceil(8)];
        if !len.is_multiple_of(8) {
            bytes[len / 8] = (1 << (len % 8)) - 1;
        }
        Self { bytes, len }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Layout for Bits {
    type Value<'a> = bool;

    fn with_capacity(rows: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(rows.div_ceil(8)),
            len: 0,
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn get(&self, row: usize) -> bool {
        self.bytes[row / 8] & (1 << (row % 8)) != 0
    }

    #[inline]
    fn push(&mut self, value: bool) {
        let bit = u8::from(value) << (self.len % 8);
        if self.len.is_multiple_of(8) {
            self.bytes.push(bit);
        } else {
            self.bytes[self.len / 8] |= bit;
        }
        self.len += 1;
    }

    #[inline]
    fn push_blank(&mut self) {
        self.push(false);
    }
}

/// Numbers, one after the other.
macro_rules! numbers {
    ($number:ty) => {
        impl Layout for Vec<$number> {
            type Value<'a> = $number;

            fn with_capacity(rows: usize) -> Self {
                Vec::with_capacity(rows)
            }

            fn len(&self) -> usize {
                Vec::len(self)
            }

            #[inline]
            fn get(&self, row: usize) -> $number {
                self[row]
            }

            #[inline]
            fn push(&mut self, value: $number) {
                Vec::push(self, value);
            }

            #[inline]
            fn push_blank(&mut self) {
                Vec::push(self, <$number>::default());
            }
        }
    };
}
numbers!(i64);
numbers!(f64);

/// Values of varying length, end to end: value `i` is `data[offsets[i] .. offsets[i + 1]]`.
macro_rules! varlen {
    ($(#[$doc:meta])* pub struct $name:ident, $data:ty, $value:ty, $append:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            pub(crate) offsets: Vec<u32>,
            pub(crate) data: $data,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { offsets: vec![0], data: <$data>::default() }
            }
        }

        impl Layout for $name {
            type Value<'a> = &'a $value;

            fn with_capacity(rows: usize) -> Self {
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0);
                Self { offsets, data: <$data>::with_capacity(rows * EXPECTED_BYTES) }
            }

            fn len(&self) -> usize {
                self.offsets.len() - 1
            }

            #[inline]
            fn get(&self, row: usize) -> &$value {
                &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
            }

            #[inline]
            fn push(&mut self, value: &$value) {
                self.data.$append(value);
                self.offsets.push(self.data.len() as u32);
            }

            #[inline]
            fn push_blank(&mut self) {
                self.offsets.push(self.data.len() as u32);
            }
        }
    };
}

/// Bytes set aside for a value of varying length: that of a typical name, domain or code. More than
/// that costs a reallocation a batch, not a row.
const EXPECTED_BYTES: usize = 16;

varlen!(
    /// UTF-8 texts, also those that mean a uuid, a decimal or JSON: the values of a `Column<Text>`,
    /// which are `&str`s.
    ///
    /// ```
    /// let mut names = gristmill_guest::Column::<gristmill_guest::Text>::default();
    /// names.push(Some("Ada"));
    /// ```
    pub struct Text, String, str, push_str
);
varlen!(
    /// Byte strings: the values of a `Column<Bytes>`, which are `&[u8]`s.
    ///
    /// ```
    /// let mut keys = gristmill_guest::Column::<gristmill_guest::Bytes>::default();
    /// keys.push(Some(b"a1"));
    /// ```
    pub struct Bytes, Vec<u8>, [u8], extend_from_slice
);
