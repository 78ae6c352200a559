//! Values by type: the odd ones often, and random ones.

use std::fmt::Write as _;

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

    fn int(&mut self, odd: &[&str], bits: u32) -> String {
        match self.below(4) {
            0 => self.pick(odd).to_owned(),
            1 => (self.below(40) as i64 - 20).to_string(),
            2 => (self.next() as i64 >> (64 - bits)).to_string(),
            _ => {
                let less = self.below(u64::from(bits)) as u32;
                (self.next() as i64 >> (64 - bits) >> less).to_string()
            }
        }
    }

    fn float(&mut self) -> String {
        const ODD: [&str; 22] = [
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "1",
            "-1",
            "0.5",
            "1.5",
            "2.5",
            "-2.5",
            "1e308",
            "-1.7976931348623157e308",
            "5e-324",
            "2.2250738585072014e-308",
            "1e15",
            "1e23",
            "9007199254740993",
            "0.1",
            "1e-5",
            "123456789012345.6",
            "9223372036854775807",
        ];
        match self.below(4) {
            0 => self.pick(&ODD).to_owned(),
            1 => {
                let value = f64::from_bits(self.next());
                if value.is_nan() {
                    "NaN".to_owned()
                } else {
                    format!("{value:e}")
                }
            }
            2 => format!("{}", (self.below(2_000_000) as f64 - 1e6) / 1000.0),
            _ => {
                let power = self.below(50) as i32 - 25;
                format!(
                    "{:e}",
                    (self.below(2000) as f64 - 1000.0) * 10_f64.powi(power)
                )
            }
        }
    }

    fn decimal(&mut self, whole: u64, fraction: u64) -> String {
        let mut text = String::from(self.pick(&["", "-", ""]));
        for _ in 0..=self.below(whole) {
            text.push_str(self.pick(&["0", "1", "2", "4", "5", "9", "7", "0"]));
        }
        let places = self.below(fraction + 1);
        if places > 0 {
            text.push('.');
        }
        for _ in 0..places {
            text.push_str(self.pick(&["0", "1", "5", "9", "4", "0"]));
        }
        text
    }

    fn numeric(&mut self) -> String {
        match self.below(6) {
            0 => {
                let odd = [
                    "NaN",
                    "Infinity",
                    "-Infinity",
                    "0",
                    "0.00",
                    "-0.50",
                    "1e30",
                    "1e-20",
                ];
                self.pick(&odd).to_owned()
            }
            1 => self.decimal(2, 2),
            2 => self.decimal(30, 0),
            3 => self.decimal(1, 30),
            _ => self.decimal(18, 12),
        }
    }

    fn text_of(&mut self, parts: &[&str], most: u64) -> String {
        (0..self.below(most + 1))
            .map(|_| self.pick(parts))
            .collect()
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 34] = [
            "a",
            "b",
            "c",
            "A",
            "Z",
            "abc",
            "Ada Lovelace",
            " ",
            "  ",
            "\t",
            "\n",
            "@",
            ".",
            ",",
            "%",
            "_",
            "\\",
            "'",
            "\"",
            "é",
            "e\u{301}",
            "ß",
            "İ",
            "中",
            "😀",
            "👩\u{200d}👧",
            "0",
            "1",
            "42",
            "x@y.z",
            "-",
            "\u{7f}",
            "\u{1}",
            "ab",
        ];
        match self.below(8) {
            0 => String::new(),
            1 => self.email(),
            2 => self.text_of(&["a", "b", "ab"], 6),
            _ => self.text_of(&PARTS, 7),
        }
    }

    fn email(&mut self) -> String {
        let mut text = self.text_of(&["ada", "bob", ".", "Ä", "+x", "@"], 4);
        text.push_str(self.pick(&["@", "@", "@", ""]));
        text.push_str(self.pick(&["contoso.com", "Gmail.com", "", "x.co.uk", "autodesk.com"]));
        text
    }

    fn bytes(&mut self) -> String {
        let mut text = String::from("\\x");
        let count = [0, 1, 2, 3, 5, 54, 56, 57, 58, 114, 120][self.below(11) as usize];
        let is_text = self.below(2) == 0;
        for _ in 0..count {
            let byte = self.next() as u8;
            let byte = if is_text { 32 + byte % 95 } else { byte };
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    fn date(&mut self) -> String {
        const ODD: [&str; 12] = [
            "infinity",
            "-infinity",
            "1970-01-01",
            "2000-02-29",
            "1900-03-01",
            "0001-01-01",
            "0001-12-31 BC",
            "4714-11-24 BC",
            "5874897-12-31",
            "9999-12-31",
            "2024-12-30",
            "2021-01-03",
        ];
        if self.below(4) == 0 {
            return self.pick(&ODD).to_owned();
        }
        let year = match self.below(4) {
            0 => 1 + self.below(9999),
            _ => 1950 + self.below(120),
        };
        // The first year is 4714 before Christ.
        let era = if year < 4700 && self.below(30) == 0 {
            " BC"
        } else {
            ""
        };
        format!(
            "{year:04}-{:02}-{:02}{era}",
            1 + self.below(12),
            1 + self.below(28)
        )
    }

    fn time(&mut self) -> String {
        match self.below(6) {
            0 => self
                .pick(&["00:00:00", "24:00:00", "23:59:59.999999", "12:00:00"])
                .to_owned(),
            _ => {
                let second = self.below(60);
                let (hour, minute) = (self.below(24), self.below(60));
                let fraction = match self.below(3) {
                    0 => String::new(),
                    1 => format!(".{:03}", self.below(1000)),
                    _ => format!(".{:06}", self.below(1_000_000)),
                };
                format!("{hour:02}:{minute:02}:{second:02}{fraction}")
            }
        }
    }

    fn timestamp(&mut self, zone: &str) -> String {
        const ODD: [&str; 6] = [
            "infinity",
            "-infinity",
            "1970-01-01 00:00:00",
            "1999-12-31 23:59:59.999999",
            "2000-01-01 00:00:00",
            "290000-12-31 23:59:59.5",
        ];
        if self.below(5) == 0 {
            let odd = self.pick(&ODD);
            return if odd.contains("inf") {
                odd.to_owned()
            } else {
                format!("{odd}{zone}")
            };
        }
        loop {
            let date = self.date();
            if date.contains("inf") || date.contains("5874897") {
                continue;
            }
            let time = self.time();
            let (date, era) = date.split_once(' ').unwrap_or((&date, ""));
            let era = if era.is_empty() { "" } else { " BC" };
            return format!("{date} {time}{zone}{era}");
        }
    }

    fn uuid(&mut self) -> String {
        match self.below(5) {
            0 => "00000000-0000-0000-0000-000000000000".to_owned(),
            _ => {
                let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
                let hex = format!("{bits:032x}");
                let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
                format!("{a}-{b}-{c}-{}-{}", &hex[16..20], &hex[20..])
            }
        }
    }

    fn json_string(&mut self) -> String {
        let mut text = String::from("\"");
        let parts = [
            "a", "b", "ab", "é", "😀", "\\n", "\\\"", "\\\\", "\\u00e9", "\\/", " ", "{", "]", ",",
            ":", "\\u0007", "1",
        ];
        text.push_str(&self.text_of(&parts, 4));
        text.push('"');
        text
    }

    fn json(&mut self, depth: u64) -> String {
        match self.below(if depth > 0 { 9 } else { 5 }) {
            0 => self.pick(&["null", "true", "false"]).to_owned(),
            1 => self
                .pick(&[
                    "0",
                    "-0",
                    "1.50",
                    "1e2",
                    "-1.5E-3",
                    "12345678901234567890123",
                ])
                .into(),
            2 => (self.below(100) as i64 - 50).to_string(),
            3 | 4 => self.json_string(),
            5 | 6 => {
                let values: Vec<String> =
                    (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", values.join(self.pick(&[",", " , "])))
            }
            _ => {
                let mut members = Vec::new();
                for _ in 0..self.below(5) {
                    let name = match self.below(3) {
                        0 => self.json_string(),
                        _ => self
                            .pick(&["\"a\"", "\"b\"", "\"name\"", "\"0\"", "\"\""])
                            .into(),
                    };
                    members.push(format!("{name}: {}", self.json(depth - 1)));
                }
                format!("{{{}}}", members.join(","))
            }
        }
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

    fn number_text(&mut self) -> String {
        let text = match self.below(5) {
            0 => self.float(),
            1 => self.numeric(),
            2 => self.of_type(Type::Int8),
            3 => self.of_type(Type::Int4),
            _ => self
                .pick(&[
                    "",
                    " ",
                    "+5",
                    "1e400",
                    "-1e-400",
                    "1_000",
                    "0x1F",
                    "1e",
                    ".5",
                    "5.",
                    ".",
                    "inf",
                    "nan",
                    "9223372036854775808",
                    "-2147483649",
                    "1e10",
                    "١",
                    "00012",
                    "- 1",
                ])
                .to_owned(),
        };
        self.mutated(text)
    }

    fn boolean_text(&mut self) -> String {
        let words = [
            "t", "tr", "true", "TRUE", "y", "yes", "on", "o", "1", "f", "fal", "false", "n", "no",
            "of", "off", "0", "", "maybe", "2",
        ];
        let text = self.pick(&words).to_owned();
        self.mutated(text)
    }

    fn uuid_text(&mut self) -> String {
        let text = self.uuid();
        let text = match self.below(6) {
            0 => format!("{{{text}}}"),
            1 => text.replace('-', ""),
            2 => text.to_uppercase(),
            3 => format!("{{{text}"),
            _ => text,
        };
        self.mutated(text)
    }

    fn date_text(&mut self) -> String {
        let text = match self.below(5) {
            0 => self
                .pick(&[
                    "2024-02-30",
                    "2023-02-29",
                    "2024-13-01",
                    "2024-00-10",
                    "0000-01-01",
                    "2024-1-2",
                    "",
                    "infinity",
                    "-infinity",
                    "2024-01-31T10:00:00Z",
                    "2024-01-31 10:00:00.5+02",
                    "2024-01-31 24:00:00",
                    "2024-01-31 25:00:00",
                    "2024-01-31 10:60",
                    "2024-01-31 10:00",
                    "2024-01-31 10:00:00.1234567",
                    "2024-01-31 23:59:59.9999999",
                    "2024-01-31T10:00:00.000-03:30",
                    "2024-01-31 10:00:00 +16",
                    "2024-01-31 1:2:3",
                    "10000-01-01",
                    "2024-01-31 10:00:00 UTC",
                    "2024-01-31 10:00:00 z",
                ])
                .to_owned(),
            1 => self.date(),
            _ => self.timestamp(""),
        };
        let text = match self.below(4) {
            0 if !text.ends_with("BC") && !text.ends_with('y') => {
                format!(
                    "{text}{}",
                    self.pick(&["Z", "+02", "-08:00", "+0530", " +01"])
                )
            }
            1 => text.replacen(' ', "T", 1),
            _ => text,
        };
        self.mutated(text)
    }

    fn time_text(&mut self) -> String {
        let text = match self.below(3) {
            0 => self
                .pick(&[
                    "10:00",
                    "24:00",
                    "24:00:01",
                    "25:00",
                    "10:60",
                    "1:2:3",
                    "",
                    "10:00:00.1234567",
                    "23:59:59.9999999",
                    "10",
                    "10:00:60",
                ])
                .to_owned(),
            _ => self.time(),
        };
        self.mutated(text)
    }

    fn json_text(&mut self) -> String {
        let text = match self.below(4) {
            0 => self
                .pick(&[
                    "",
                    "{",
                    "[1,]",
                    "{\"a\":}",
                    "01",
                    "1.",
                    "-",
                    "nul",
                    "\"\\u0000\"",
                    "\"\\ud83d\\ude00\"",
                    "\"\\ud83d\"",
                    "\"\\x\"",
                    "\"a\nb\"",
                    "{a:1}",
                    "[1 2]",
                    "1 2",
                    "1e5",
                    "1E+2",
                    "-0.0",
                    "1e400",
                    "  null  ",
                    "nulll",
                    "\"\u{7f}\"",
                ])
                .to_owned(),
            _ => self.json(3),
        };
        match self.below(8) {
            0 => self.mutated(text),
            _ => text,
        }
    }
}
