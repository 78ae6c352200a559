//! A transform that misbehaves as its config says. Honest, it copies `name` and `id` into one
//! column of each layout and rejects rows called `reject`.

mod columns;
mod lies;
mod overlap;

use std::cell::{Cell, RefCell};

use serde::Deserialize;

wit_bindgen::generate!({ path: "../../../wit", world: "transform" });

use exports::gristmill::transform::rule::Guest;
use gristmill::transform::log::{Level, write};
use gristmill::transform::types::{Batch, Description, Field, Output, Plan, Roles};

/// `describe` gets no config: a test writes its misbehaviour over the dots.
static DESCRIBE: [u8; 24] = *b"hostile-describe:.......";

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    normalizer: bool,
    open: String,
    /// What it does to a batch; `WHAT-on-NAME` only to one with a row of that name.
    apply: String,
    /// How much of it, where that means something.
    amount: u64,
}

thread_local! {
    static CONFIG: RefCell<Config> = RefCell::default();
    static CALLS: Cell<i64> = const { Cell::new(0) };
}

struct Hostile;
export!(Hostile);

/// Its body is written over by a test: no Rust grows a table.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn grow_table(elements: u32) -> i32 {
    std::hint::black_box(elements) as i32
}

/// The start function, when a test says so in the module's start section.
#[unsafe(no_mangle)]
pub extern "C" fn loop_at_start() {
    spin()
}

/// The same.
#[unsafe(no_mangle)]
pub extern "C" fn trap_at_start() {
    panic!("the start function panics");
}

impl Guest for Hostile {
    fn describe() -> Description {
        // SAFETY: it is a static; volatile, because its bytes are not what the compiler saw.
        let told = unsafe { std::ptr::read_volatile(&raw const DESCRIBE) };
        let told = told.strip_prefix(b"hostile-describe:").unwrap_or_default();
        match told {
            b"loop..." => spin(),
            b"trap..." => panic!("describe panics"),
            b"bomb..." => bomb(),
            _ => {}
        }
        let config_schema: String = match told {
            b"schema." => "{ not json".into(),
            b"cycle.." => r##"{"$ref": "#/a", "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}"##.into(),
            b"empty.." => r#"{"$ref": ""}"#.into(),
            b"regexes" => regexes(1_000),
            b"swollen" => " ".repeat(1 << 20),
            b"escapes" => r#"{"enum": ["\u001b[2J"]}"#.into(),
            _ => r#"{"type": "object", "additionalProperties": false, "properties": {
                    "normalizer": {"type": "boolean"}, "open": {"type": "string"},
                    "apply": {"type": "string"}, "amount": {"type": "integer", "minimum": 0}}}"#
                .into(),
        };
        let attributes = match told {
            b"crowd.." => vec![Default::default(); 100_000],
            _ => vec![],
        };
        Description {
            name: "hostile".into(),
            version: "1.0.0".into(),
            summary: "misbehaves".into(),
            config_schema,
            attributes,
        }
    }

    fn open(config: String) -> Result<Plan, String> {
        let config: Config = serde_json::from_str(&config).map_err(|e| e.to_string())?;
        match config.open.as_str() {
            "loop" => spin(),
            "trap" => die("open panics"),
            "bomb" => bomb(),
            "refuse" => return Err("not with me".into()),
            _ => {}
        }
        let mut plan = plan(config.normalizer);
        match config.open.as_str() {
            "type" => plan.writes[0].logical_type = "int7".into(),
            "twice" => plan.writes[1].name = "text".into(),
            "role" => plan.roles.as_mut().unwrap().event_time = "gone".into(),
            "crowd" => plan.reads = vec![plan.reads[0].clone(); 100_000],
            "role-type" => plan.roles.as_mut().unwrap().event_time = "integer".into(),
            _ => {}
        }
        CONFIG.set(config);
        Ok(plan)
    }

    fn apply(batch: Batch) -> Result<Output, String> {
        CALLS.set(CALLS.get() + 1);
        let Config { apply, amount, .. } = CONFIG.with_borrow(Config::clone);
        let mut output = columns::honest(&batch);
        let (what, victim) = match apply.split_once("-on-") {
            Some((what, victim)) => (what, Some(victim)),
            None => (&*apply, None),
        };
        if victim.is_none() || columns::names(&batch).any(|name| name == victim) {
            misbehave(what, amount)?;
            lies::tell(what, amount, &batch, &mut output);
        }
        Ok(output)
    }
}

fn plan(normalizer: bool) -> Plan {
    let field = |name: &str, logical_type: &str, nullable| Field {
        name: name.into(),
        logical_type: logical_type.into(),
        nullable,
    };
    let path = |name: &str| {
        if normalizer {
            format!("value.{name}")
        } else {
            name.to_owned()
        }
    };
    Plan {
        reads: vec![
            field(&path("name"), "text", true),
            field(&path("id"), "int64", false),
        ],
        joins: vec![],
        writes: vec![
            field("text", "text", true),
            field("integer", "int64", false),
            field("float", "float64", false),
            field("odd", "boolean", false),
            field("bytes", "bytes", true),
            field("at", "timestamp(us)", false),
        ],
        roles: normalizer.then(|| Roles {
            key: vec!["integer".into()],
            event_time: "at".into(),
            deleted: Some("odd".into()),
            order: vec![],
        }),
        reject_codes: vec!["told-to".into()],
        attributes: vec![],
    }
}

/// What does not come back with an output.
fn misbehave(what: &str, amount: u64) -> Result<(), String> {
    match what {
        "refuse" => return Err("not this batch".into()),
        "loop" => spin(),
        "loop-fill" => loop_fill(),
        "loop-log" => loop_log(),
        "loop-grow" => loop_grow(),
        "loop-miss" => loop_miss(),
        "trap" => die("a row is called trap"),
        "bomb" => bomb(),
        "grow-table" if grow_table(amount as u32) < 0 => die("the table does not grow"),
        "recurse" => {
            std::hint::black_box(recurse(amount));
        }
        "recurse-lightly" => {
            std::hint::black_box(recurse_lightly(amount));
        }
        "panic-long" => die(&"x".repeat(1 << 20)),
        "log" => (0..amount).for_each(|i| write(Level::Info, &format!("line {i}"))),
        "log-lines" => write(Level::Info, "a line\n2026-01-01 ERROR forged\u{1b}[2J"),
        "work" => (0..amount).for_each(|i| {
            std::hint::black_box(i);
        }),
        _ => {}
    }
    Ok(())
}

/// As the SDK panics: says why, then traps.
fn die(why: &str) -> ! {
    write(Level::Error, why);
    panic!()
}

fn spin() -> ! {
    loop {
        std::hint::black_box(0);
    }
}

/// Few instructions, much work.
fn loop_fill() -> ! {
    let mut memory = vec![0u8; 16 << 20];
    loop {
        std::hint::black_box(&mut memory).fill(std::hint::black_box(1));
    }
}

/// Few instructions, many words.
fn loop_log() -> ! {
    let message = "x".repeat(1 << 20);
    loop {
        write(Level::Info, &message);
    }
}

/// A schema of patterns that are small as text and large when compiled.
fn regexes(count: usize) -> String {
    let pattern = |i| format!(r#"{{"pattern": "^\\p{{L}}{{{i}}}$"}}"#);
    let patterns: Vec<_> = (1..=count).map(pattern).collect();
    format!(r#"{{"anyOf": [{}]}}"#, patterns.join(","))
}

fn bomb() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
}

/// With frames in linear memory, where a toolchain puts what has an address.
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == 0 {
        frame[0]
    } else {
        recurse(depth - 1) + frame[63]
    }
}

/// With frames on the engine's stack alone. No loop says the same.
#[inline(never)]
fn recurse_lightly(depth: u64) -> u64 {
    if depth == 0 {
        return 1;
    }
    let below = recurse_lightly(depth - 1);
    below.rotate_left((below & 31) as u32) ^ depth
}

/// Few instructions, each a call into the engine.
fn loop_grow() -> ! {
    loop {
        std::hint::black_box(grow_by_nothing());
    }
}

#[cfg(target_arch = "wasm32")]
fn grow_by_nothing() -> usize {
    core::arch::wasm32::memory_grow::<0>(0)
}

/// The workspace compiles this for the host, too, and runs it never.
#[cfg(not(target_arch = "wasm32"))]
fn grow_by_nothing() -> usize {
    0
}

/// Few instructions, each a wait for memory.
fn loop_miss() -> ! {
    let memory = vec![1u64; 2 << 20];
    let (mut at, mut sum) = (1u64, 0);
    loop {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        sum += memory[((at >> 33) as usize + sum as usize) % memory.len()];
        std::hint::black_box(sum);
    }
}
