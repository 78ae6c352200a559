//! Values of columns, drawn, as PostgreSQL reads them from text.

use rand::Rng;
use rand::rngs::SmallRng;

/// Letters that are easy to get wrong: quotes, backslashes, what JSON, arrays and `COPY` escape,
/// several bytes, several code points, a line's end.
const LETTERS: [&str; 22] = [
    "a", "b", "Z", "0", " ", "'", "\"", "\\", "/", "{", "}", ",", "\n", "\t", "\u{1}", "é", "ß",
    "漢", "🦀", "e\u{301}", "%", "<",
];

/// One of `items`.
pub fn one<'a, T: ?Sized>(random: &mut SmallRng, items: &[&'a T]) -> &'a T {
    items[random.random_range(0..items.len())]
}

/// Some letters, perhaps none.
pub fn letters(random: &mut SmallRng, most: usize) -> String {
    let count = random.random_range(0..=most);
    (0..count).map(|_| one(random, &LETTERS)).collect()
}

/// Some plain lower-case letters, at least one.
pub fn word(random: &mut SmallRng) -> String {
    let count = random.random_range(1..=6);
    (0..count)
        .map(|_| char::from(random.random_range(b'a'..=b'z')))
        .collect()
}

/// An integer between two bounds; often a bound, zero, or near it.
pub fn integer(random: &mut SmallRng, least: i64, most: i64) -> i64 {
    match random.random_range(0..6) {
        0 => least,
        1 => most,
        2 => 0.clamp(least, most),
        3 => random.random_range(-9..=9).clamp(least, most),
        _ => random.random_range(least..=most),
    }
}

/// A decimal number of at most so many digits before and behind the point.
pub fn decimal(random: &mut SmallRng, before: usize, behind: usize) -> String {
    let mut digits = |most: usize| -> String {
        let count = random.random_range(0..=most);
        (0..count)
            .map(|_| char::from(random.random_range(b'0'..=b'9')))
            .collect()
    };
    let (whole, part) = (digits(before), digits(behind));
    let sign = if random.random() { "-" } else { "" };
    format!("{sign}0{whole}.{part}0")
}

/// A decimal number without a zero at its end behind the point: Debezium leaves such zeros out
/// where the column's type does not say how many digits there are.
pub fn trimmed_decimal(random: &mut SmallRng, before: usize, behind: usize) -> String {
    let text = decimal(random, before, behind);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "" | "-" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// A double, as text that names it exactly.
pub fn double(random: &mut SmallRng) -> String {
    match random.random_range(0..8) {
        0 => one(random, &["NaN", "Infinity", "-Infinity"]).to_owned(),
        1 => one(random, &["5e-324", "1.7976931348623157e308", "0.1"]).to_owned(),
        2 => f64::from_bits(random.random::<u64>() >> 2).to_string(),
        _ => (random.random_range(-1e9..1e9) / 7.0).to_string(),
    }
}

/// A single-precision number.
pub fn float(random: &mut SmallRng) -> String {
    match random.random_range(0..6) {
        0 => one(random, &["NaN", "Infinity", "-Infinity", "3.4028235e38"]).to_owned(),
        _ => ((random.random_range(-1e6..1e6) / 3.0) as f32).to_string(),
    }
}

/// A day of the Gregorian calendar.
pub fn date(random: &mut SmallRng) -> String {
    let year = match random.random_range(0..6) {
        0 => random.random_range(1600..1970),
        1 => random.random_range(2100..=9999),
        _ => random.random_range(1970..2100),
    };
    let (month, day) = (random.random_range(1..=12), random.random_range(1..=28));
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time of day, in microseconds.
pub fn time(random: &mut SmallRng) -> String {
    if random.random_range(0..6) == 0 {
        return one(random, &["00:00:00", "23:59:59.999999", "00:00:00.000001"]).to_owned();
    }
    let [hour, minute, second] = [24, 60, 60].map(|below| random.random_range(0..below));
    let part = random.random_range(0..1_000_000);
    format!("{hour:02}:{minute:02}:{second:02}.{part:06}")
}

/// A date and a time.
pub fn timestamp(random: &mut SmallRng) -> String {
    format!("{} {}", date(random), time(random))
}

/// A JSON document of at most so many levels, with what its writer may do: blanks, escapes, long
/// numbers.
pub fn json(random: &mut SmallRng, levels: u32) -> String {
    match random.random_range(0..if levels == 0 { 6 } else { 9 }) {
        0 => "null".to_owned(),
        1 => random.random::<bool>().to_string(),
        2 => one(random, &["0", "-1.50", "1e3", "12345678901234567890.5"]).to_owned(),
        3 => random.random_range(-1_000_000..1_000_000).to_string(),
        4 | 5 => serde_json::Value::from(letters(random, 8)).to_string(),
        6 | 7 => {
            let count = random.random_range(0..4);
            let items: Vec<_> = (0..count)
                .map(|_| format!("\"{}\": {}", word(random), json(random, levels - 1)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
        _ => {
            let count = random.random_range(0..4);
            let items: Vec<_> = (0..count).map(|_| json(random, levels - 1)).collect();
            format!("[{}]", items.join(","))
        }
    }
}

/// Bytes as PostgreSQL's hexadecimal text.
pub fn bytes(random: &mut SmallRng, most: usize) -> String {
    let count = random.random_range(0..=most);
    let digits: String = (0..count)
        .map(|_| format!("{:02x}", random.random::<u8>()))
        .collect();
    format!("\\x{digits}")
}

/// Bits as text.
pub fn bits(random: &mut SmallRng, count: usize) -> String {
    (0..count)
        .map(|_| if random.random() { '1' } else { '0' })
        .collect()
}

/// A UUID.
pub fn uuid(random: &mut SmallRng) -> String {
    let digits = format!("{:032x}", random.random::<u128>());
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// An array of elements, some null, as PostgreSQL reads it.
pub fn array(random: &mut SmallRng, mut element: impl FnMut(&mut SmallRng) -> String) -> String {
    let count = random.random_range(0..5);
    let items: Vec<_> = (0..count)
        .map(|_| match random.random_range(0..6) {
            0 => "NULL".to_owned(),
            _ => {
                let text = element(random).replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{text}\"")
            }
        })
        .collect();
    format!("{{{}}}", items.join(","))
}

/// A range between two values, either of which may be open.
pub fn range(random: &mut SmallRng, lower: &str, upper: &str) -> String {
    if random.random_range(0..8) == 0 {
        return "empty".to_owned();
    }
    let open = |random: &mut SmallRng, bound: &str| match random.random_range(0..5) {
        0 => String::new(),
        _ => format!("\"{bound}\""),
    };
    let (lower, upper) = (open(random, lower), open(random, upper));
    let (begin, end) = (one(random, &["[", "("]), one(random, &["]", ")"]));
    format!("{begin}{lower},{upper}{end}")
}
