//! Values by type: the odd ones often, and random ones.

mod document;
mod number;
mod text;
mod time;

use sql::Type;

/// What values a column has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Of(Type),
    /// From -12 to 12.
    Small,
    /// Doubles and decimals of a size that can be counted with.
    SmallFloat,
    SmallNumeric,
    Email,
    /// Few letters, so that patterns match.
    Letters,
    Digits,
    NumberText,
    BooleanText,
    UuidText,
    BytesText,
    DateText,
    TimeText,
    JsonText,
    Base64,
    Hex,
}

impl Kind {
    pub(crate) fn of_name(name: &str) -> Self {
        match name {
            "bool" => Self::Of(Type::Boolean),
            "int4" => Self::Of(Type::Int4),
            "int8" => Self::Of(Type::Int8),
            "float8" => Self::Of(Type::Float8),
            "numeric" => Self::Of(Type::Numeric),
            "text" => Self::Of(Type::Text),
            "bytea" => Self::Of(Type::Bytea),
            "date" => Self::Of(Type::Date),
            "time" => Self::Of(Type::Time),
            "timestamp" => Self::Of(Type::Timestamp),
            "timestamptz" => Self::Of(Type::Timestamptz),
            "uuid" => Self::Of(Type::Uuid),
            "jsonb" => Self::Of(Type::Jsonb),
            "small" => Self::Small,
            "small_float" => Self::SmallFloat,
            "small_numeric" => Self::SmallNumeric,
            "email" => Self::Email,
            "letters" => Self::Letters,
            "digits" => Self::Digits,
            "number_text" => Self::NumberText,
            "boolean_text" => Self::BooleanText,
            "uuid_text" => Self::UuidText,
            "bytes_text" => Self::BytesText,
            "date_text" => Self::DateText,
            "time_text" => Self::TimeText,
            "json_text" => Self::JsonText,
            "base64" => Self::Base64,
            "hex" => Self::Hex,
            other => panic!("no kind {other}"),
        }
    }

    pub(crate) fn of_type(self) -> Type {
        match self {
            Self::Of(of_type) => of_type,
            Self::Small => Type::Int4,
            Self::SmallFloat => Type::Float8,
            Self::SmallNumeric => Type::Numeric,
            _ => Type::Text,
        }
    }
}

/// A value a column, as text.
pub(crate) type Row = Vec<Option<String>>;

pub(crate) struct Values(u64);

impl Values {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// xorshift64*: the same values each time.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    pub(crate) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// Rows of columns of these kinds.
    pub(crate) fn rows(&mut self, columns: &[(&str, Kind)], count: usize) -> Vec<Row> {
        let mut row = || columns.iter().map(|(_, kind)| self.value(*kind)).collect();
        (0..count).map(|_| row()).collect()
    }

    /// One value in twelve is null.
    pub(crate) fn value(&mut self, kind: Kind) -> Option<String> {
        (self.below(12) != 0).then(|| self.some(kind))
    }

    fn some(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Of(of_type) => self.of_type(of_type),
            Kind::Small => (self.below(25) as i64 - 12).to_string(),
            Kind::SmallFloat => format!("{}", self.below(4000) as f64 / 8.0 - 250.0),
            Kind::SmallNumeric => self.decimal(4, 3),
            Kind::Email => self.email(),
            Kind::Letters => self.text_of(
                &[
                    "a", "b", "c", "ab", "1", " ", "@", ".", "é", "A", "_", "\n", "-",
                ],
                9,
            ),
            Kind::Digits => self.text_of(&["0", "1", "25", "9", "-", ".", "x"], 6),
            Kind::NumberText => self.number_text(),
            Kind::BooleanText => self.boolean_text(),
            Kind::UuidText => self.uuid_text(),
            Kind::BytesText => self.text_of(&["\\", "\\x", "0", "1", "37", "7", "a", "é", " "], 5),
            Kind::DateText => self.date_text(),
            Kind::TimeText => self.time_text(),
            Kind::JsonText => self.json_text(),
            Kind::Base64 => self.text_of(
                &[
                    "QUJD", "YWI=", "YQ==", "=", "A", "/+", "\n", " ", "*", "é", "abcd",
                ],
                5,
            ),
            Kind::Hex => self.text_of(&["00", "ff", "aB", "1", " ", "\n", "g", "é", "7f"], 6),
        }
    }

    fn of_type(&mut self, of_type: Type) -> String {
        match of_type {
            Type::Boolean => self.pick(&["true", "false"]).to_owned(),
            Type::Int4 => self.int(&["2147483647", "-2147483648", "0", "1", "-1"], 32),
            Type::Int8 => self.int(
                &[
                    "9223372036854775807",
                    "-9223372036854775808",
                    "0",
                    "1",
                    "-1",
                ],
                64,
            ),
            Type::Float8 => self.float(),
            Type::Numeric => self.numeric(),
            Type::Bytea => self.bytes(),
            Type::Date => self.date(),
            Type::Time => self.time(),
            Type::Timestamp => self.timestamp(""),
            Type::Timestamptz => self.timestamp("+00"),
            Type::Uuid => self.uuid(),
            Type::Jsonb => self.json(3),
            _ => self.text(),
        }
    }

    fn text_of(&mut self, parts: &[&str], most: u64) -> String {
        (0..self.below(most + 1))
            .map(|_| self.pick(parts))
            .collect()
    }

    fn mutated(&mut self, text: String) -> String {
        match self.below(6) {
            0 => format!(" {text}\n"),
            1 => self.text_of(&["x", " ", "1", "-", ".", ":", "e"], 4),
            2 => {
                let mut chars: Vec<char> = text.chars().collect();
                if !chars.is_empty() {
                    let at = self.below(chars.len() as u64) as usize;
                    chars[at] = self
                        .pick(&["x", " ", "1", "-", ".", ":", "e", "T"])
                        .chars()
                        .next()
                        .unwrap();
                }
                chars.into_iter().collect()
            }
            _ => text,
        }
    }
}
