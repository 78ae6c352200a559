//! The types of columns, with values of each.
//!
//! Left out is what is broken before gristmill sees it: `NaN` in `numeric` (null in the event) and
//! zeros at its end, negative zeros, the length of `bit varying`, infinite dates, and years before
//! Christ; in arrays microseconds of `time`, parts of seconds of `timetz`, and null of an enum;
//! `name`, which is null in a change. Arrays of `interval`, `money` and domains, and multiranges,
//! are not sent at all. `timetz` has no offset but UTC, in which it arrives.

use rand::Rng;
use rand::rngs::SmallRng;

use super::value::{
    array, bits, bytes, date, decimal, double, float, integer, json, letters, one, range, time,
    timestamp, trimmed_decimal, uuid, word,
};

/// How to draw a value of a type, as PostgreSQL reads it from text.
pub type Draw = fn(&mut SmallRng) -> String;

/// A type of a column.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As SQL writes it.
    pub sql: &'static str,
    pub draw: Draw,
}

/// What the types need that are not built in.
pub const TYPES: &str = "
create extension citext;
create extension hstore;
create extension ltree;
create type mood as enum ('sad', 'ok', 'happy', 'so so', 'it''s');
create domain positive as int check (value > 0);
create domain address as text check (value like '%@%');
create domain price as numeric(12,2);
create domain names as text[];
create domain prices as numeric(12,2)[];
";

/// Types of key columns.
pub const KEYS: [Kind; 11] = [
    kind("bigint", |r| integer(r, i64::MIN, i64::MAX).to_string()),
    kind("integer", |r| {
        integer(r, i32::MIN.into(), i32::MAX.into()).to_string()
    }),
    kind("smallint", |r| {
        integer(r, i16::MIN.into(), i16::MAX.into()).to_string()
    }),
    kind("text", |r| letters(r, 12)),
    kind("varchar(40)", |r| letters(r, 20)),
    kind("uuid", uuid),
    kind("date", date),
    kind("timestamptz", |r| timestamp(r) + "+00"),
    kind("timestamp", timestamp),
    kind("boolean", |r| r.random::<bool>().to_string()),
    kind("mood", mood),
];

/// Types of other columns.
pub const KINDS: [Kind; 85] = [
    KEYS[0],
    KEYS[1],
    KEYS[2],
    KEYS[3],
    KEYS[4],
    KEYS[5],
    KEYS[6],
    KEYS[9],
    KEYS[10],
    kind("oid", |r| integer(r, 0, u32::MAX.into()).to_string()),
    kind("numeric", |r| trimmed_decimal(r, 30, 20)),
    kind("numeric(12,2)", |r| decimal(r, 9, 2)),
    kind("numeric(38,10)", |r| decimal(r, 27, 10)),
    kind("numeric(5,0)", |r| decimal(r, 4, 0)),
    kind("money", |r| decimal(r, 12, 2)),
    kind("real", float),
    kind("double precision", double),
    kind("char(5)", |r| word(r).chars().take(5).collect()),
    kind("citext", |r| letters(r, 8)),
    kind("timestamptz", |r| moment(r, "+02")),
    kind("timestamptz(3)", |r| timestamp(r) + "-05:30"),
    kind("timestamp", |r| moment(r, "")),
    kind("timestamp(0)", timestamp),
    kind("timestamp(3)", timestamp),
    kind("timestamp(6)", timestamp),
    kind("time", time),
    kind("time(0)", time_below_midnight),
    kind("time(3)", time_below_midnight),
    kind("timetz", |r| time(r) + "+00"),
    kind("interval", interval),
    kind("jsonb", |r| json(r, 3)),
    kind("json", |r| json(r, 3)),
    kind("bytea", |r| bytes(r, 20)),
    kind("bit(1)", |r| bits(r, 1)),
    kind("bit(4)", |r| bits(r, 4)),
    kind("bit(70)", |r| bits(r, 70)),
    kind("macaddr8", |r| {
        format!("08:00:2b:ff:fe:01:02:{:02x}", r.random::<u8>())
    }),
    kind("positive", |r| integer(r, 1, i32::MAX.into()).to_string()),
    kind("address", |r| letters(r, 4) + "@example.com"),
    kind("text[]", |r| array(r, |r| letters(r, 6))),
    kind("varchar(9)[]", |r| array(r, word)),
    kind("smallint[]", |r| {
        array(r, |r| integer(r, -99, 99).to_string())
    }),
    kind("integer[]", |r| {
        array(r, |r| {
            integer(r, i32::MIN.into(), i32::MAX.into()).to_string()
        })
    }),
    kind("bigint[]", |r| {
        array(r, |r| integer(r, i64::MIN, i64::MAX).to_string())
    }),
    kind("boolean[]", |r| {
        array(r, |r| r.random::<bool>().to_string())
    }),
    kind("double precision[]", |r| array(r, double)),
    kind("uuid[]", |r| array(r, uuid)),
    kind("inet", address),
    kind("cidr", |r| format!("10.{}.0.0/16", r.random::<u8>())),
    kind("macaddr", |r| {
        format!("08:00:2b:01:02:{:02x}", r.random::<u8>())
    }),
    kind("int4range", |r| {
        let low = r.random_range(-99..99);
        range(r, &low.to_string(), &(low + 5).to_string())
    }),
    kind("numrange", |r| range(r, "-1.50", "2.25")),
    kind("tsrange", |r| {
        range(r, "2024-01-01 00:00:00", "2024-02-01 12:30:00.5")
    }),
    kind("tstzrange", |r| {
        range(r, "2024-01-01 00:00:00+00", "2024-02-01 12:30:00+02")
    }),
    kind("daterange", |r| range(r, "2024-01-01", "2024-02-01")),
    kind("xml", |r| {
        format!("<a b=\"{}\">é &lt; {}</a>", word(r), word(r))
    }),
    kind("hstore", |r| {
        format!("\"{}\"=>\"é 'q'\", {}=>NULL", word(r), word(r))
    }),
    kind("ltree", |r| format!("{}.{}", word(r), word(r))),
    kind("date[]", |r| array(r, date)),
    kind("timestamptz[]", |r| array(r, |r| timestamp(r) + "+00")),
    kind("timestamp[]", |r| array(r, timestamp)),
    kind("timestamp(3)[]", |r| array(r, timestamp)),
    kind("time[]", |r| array(r, coarse_time)),
    kind("time(3)[]", |r| array(r, coarse_time)),
    kind("timetz[]", |r| {
        array(r, |r| time(r)[.."00:00:00".len()].to_owned() + "+00")
    }),
    kind("numeric[]", |r| array(r, |r| trimmed_decimal(r, 30, 20))),
    kind("numeric(12,2)[]", |r| array(r, |r| decimal(r, 9, 2))),
    kind("numeric(5,0)[]", |r| array(r, |r| decimal(r, 4, 0))),
    kind("real[]", |r| array(r, float)),
    kind("bytea[]", |r| array(r, |r| bytes(r, 9))),
    kind("mood[]", |r| format!("{{{0:?},{1:?}}}", mood(r), mood(r))),
    kind("jsonb[]", |r| array(r, |r| json(r, 2))),
    kind("inet[]", |r| array(r, address)),
    kind("char(5)[]", |r| array(r, word)),
    kind("citext[]", |r| array(r, word)),
    kind("oid[]", |r| {
        array(r, |r| integer(r, 0, u32::MAX.into()).to_string())
    }),
    kind("int4range[]", |r| array(r, |_| "[1,5)".to_owned())),
    kind("price", |r| decimal(r, 9, 2)),
    kind("names", |r| array(r, |r| letters(r, 6))),
    kind("prices", |r| array(r, |r| decimal(r, 9, 2))),
    kind("point", |r| format!("({},{})", double(r), double(r))),
    kind("bit(12)", |r| bits(r, 12)),
    kind("int8range", |r| range(r, "-5", "9223372036854775806")),
    kind("tsvector", |r| format!("'{}':1 '{}':2", word(r), word(r))),
    kind("\"char\"", |r| one(r, &["a", "b", "Z"]).to_owned()),
];

/// Types whose values may be stored out of line, with values that are: larger than a page's share.
pub const LARGE: [Kind; 17] = [
    kind("text", |r| {
        let domain = one(r, &["example.com", "EXAMPLE.com", "example.org", ""]);
        letters(r, 9).repeat(40) + &uuid(r).repeat(70) + "@" + domain
    }),
    kind("bytea", |r| {
        let part = format!("{:032x}", r.random::<u128>());
        format!("\\x{}", part.repeat(150))
    }),
    kind("jsonb", |r| {
        format!("{{\"k\": \"{}\"}}", uuid(r).repeat(70))
    }),
    kind("text[]", |r| {
        format!("{{{},\"{}\"}}", word(r), uuid(r).repeat(70))
    }),
    kind("integer[]", |r| {
        let items: Vec<_> = (0..700).map(|_| r.random_range(1..9).to_string()).collect();
        format!("{{{}}}", items.join(","))
    }),
    kind("json", |r| format!("{{\"k\": \"{}\"}}", uuid(r).repeat(70))),
    kind("varchar(9000)", |r| {
        letters(r, 9).repeat(40) + &uuid(r).repeat(70)
    }),
    kind("citext", |r| uuid(r).repeat(70)),
    kind("xml", |r| format!("<a>{}</a>", uuid(r).repeat(70))),
    kind("hstore", |r| format!("a=>\"{}\"", uuid(r).repeat(70))),
    kind("uuid[]", |r| many(r, 170, uuid)),
    kind("bigint[]", |r| {
        many(r, 350, |r| integer(r, 0, 99).to_string())
    }),
    kind("double precision[]", |r| many(r, 350, double)),
    kind("timestamptz[]", |r| {
        many(r, 350, |r| format!("\"{}+00\"", timestamp(r)))
    }),
    kind("date[]", |r| many(r, 700, date)),
    kind("numeric[]", |r| many(r, 250, |r| trimmed_decimal(r, 9, 5))),
    kind("bytea[]", |r| {
        many(r, 250, |r| format!("\"\\{}\"", bytes(r, 9)))
    }),
];

const fn kind(sql: &'static str, draw: Draw) -> Kind {
    Kind { sql, draw }
}

/// An array of so many elements.
fn many(random: &mut SmallRng, count: usize, element: Draw) -> String {
    let items: Vec<_> = (0..count).map(|_| element(random)).collect();
    format!("{{{}}}", items.join(","))
}

fn mood(random: &mut SmallRng) -> String {
    one(random, &["sad", "ok", "happy", "so so", "it's"]).to_owned()
}

/// A time and a date, or one that never comes.
fn moment(random: &mut SmallRng, offset: &str) -> String {
    match random.random_range(0..12) {
        0 => one(random, &["infinity", "-infinity"]).to_owned(),
        _ => timestamp(random) + offset,
    }
}

/// One that does not round up to 24:00, which Debezium reads as 0.
fn time_below_midnight(random: &mut SmallRng) -> String {
    let time = time(random);
    match time.starts_with("23:59:59") {
        true => "23:59:59".to_owned(),
        false => time,
    }
}

/// A time in milliseconds, to which the connector cuts those in arrays.
fn coarse_time(random: &mut SmallRng) -> String {
    let time = time(random);
    time[..time.len().min("00:00:00.000".len())].to_owned()
}

fn interval(random: &mut SmallRng) -> String {
    let [years, months, days] = [30, 12, 40].map(|below| random.random_range(-below..below));
    format!("{years} years {months} mons {days} days {}", time(random))
}

fn address(random: &mut SmallRng) -> String {
    let last = random.random::<u8>();
    match random.random_range(0..3) {
        0 => format!("10.1.2.{last}"),
        1 => format!("10.1.2.{last}/24"),
        _ => format!("2001:db8::{last:x}"),
    }
}
