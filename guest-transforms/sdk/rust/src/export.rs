//! What [`transform!`](crate::transform) puts between the interface and the rule.

use std::cell::OnceCell;
use std::panic::PanicHookInfo;
use std::rc::Rc;

use crate::Transform;
use crate::batch::Batch;
use crate::field::Field;
use crate::output::Answer;
use crate::plan::Plan;

#[doc(hidden)]
pub use {schemars, serde};

pub use crate::wit::exports::gristmill::transform::rule::Guest;
pub use crate::wit::gristmill::transform::types::{
    Batch as WireBatch, Description, Output as WireOutput,
};

/// A rule with its plan.
pub(crate) struct Opened<R> {
    rule: R,
    plan: Plan,
    fields: Rc<[Field]>,
}

impl<R: Transform> Opened<R> {
    pub(crate) fn new(config: &str) -> Result<Self, String> {
        let config = serde_json::from_str(config).map_err(|e| format!("config: {e}"))?;
        let rule = R::open(config)?;
        let plan = rule.plan();
        let fields = plan.input_fields().cloned().collect();
        Ok(Self { rule, plan, fields })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn fields(&self) -> Rc<[Field]> {
        Rc::clone(&self.fields)
    }

    pub(crate) fn apply(&self, batch: &Batch) -> Result<Answer, String> {
        self.rule.apply(batch).finish(&self.plan, batch.len())
    }
}

/// The place in which a component keeps its rule between calls.
pub struct Slot<R>(OnceCell<Opened<R>>);

impl<R: Transform> Slot<R> {
    #[doc(hidden)]
    #[allow(clippy::new_without_default, reason = "const, for a static")]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// Opens the rule. Panics are logged from here on.
    pub fn open(&self, config: &str) -> Result<Plan, String> {
        // A panic ends in a trap without words: this is the last moment to say where and why.
        std::panic::set_hook(Box::new(|panic| crate::log::error(&in_words(panic))));
        let opened = Opened::new(config)?;
        let plan = opened.plan.clone();
        self.0
            .set(opened)
            .map_err(|_| "opened twice: an instance is opened once".to_owned())?;
        Ok(plan)
    }

    /// Runs the rule on a batch.
    pub fn apply(&self, batch: WireBatch) -> Result<WireOutput, String> {
        let opened = self.0.get().ok_or("called before it was opened")?;
        let batch = Batch::from_wire(batch, opened.fields());
        Ok(opened.apply(&batch)?.into_wire())
    }
}

/// More of a panic's message is cut here, or the host would cut off the place behind it. 1 KiB:
/// half of what the host keeps.
const MESSAGE_MAX_BYTES: usize = 1 << 10;

/// What the standard library says where there is no operating system, and what to do instead.
const NOT_HERE: [(&str, &str); 3] = [
    (
        "time not implemented on this platform",
        "a rule has no clock, because the same row must give the same answer tomorrow: read a time \
         of the event, or take the day from the config",
    ),
    ("can't sleep", "a rule cannot wait: leave the sleep out"),
    (
        "operation not supported on this platform",
        "a rule has no files, network, threads or environment: take what it needs from the config, \
         or join a dimension",
    ),
];

/// A panic's message, what to do where that is known, and its place, in one line.
fn in_words(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("panicked");
    let known = NOT_HERE.iter().find(|(said, _)| message.contains(said));
    if let Some((_, instead)) = known {
        // The place is the standard library's own, which tells an author nothing.
        return format!("{instead} ({message})");
    }
    let message = match message.floor_char_boundary(MESSAGE_MAX_BYTES) {
        end if end < message.len() => format!("{}... ({} bytes)", &message[..end], message.len()),
        _ => message.to_owned(),
    };
    match panic.location() {
        Some(at) => format!("{message} ({}:{})", at.file(), at.line()),
        None => message,
    }
}

/// JSON Schema of a rule's config.
pub(crate) fn config_schema<R: Transform>() -> serde_json::Value {
    schemars::schema_for!(R::Config).to_value()
}

/// The description of a rule whose crate has this name, version and summary.
pub fn describe<R: Transform>(name: &str, version: &str, summary: &str) -> Description {
    Description {
        name: name.to_owned(),
        version: version.to_owned(),
        summary: summary.to_owned(),
        config_schema: config_schema::<R>().to_string(),
        attributes: R::attributes(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic;
    use std::sync::Mutex;

    use super::*;

    static HEARD: Mutex<String> = Mutex::new(String::new());

    #[test]
    fn a_panic_is_one_line_that_says_what_and_where() {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|panic| *HEARD.lock().unwrap() = in_words(panic)));
        let heard = |panics: fn()| {
            panic::catch_unwind(panics).unwrap_err();
            HEARD.lock().unwrap().clone()
        };
        let (file, line) = (file!(), line!() + 1);
        let short = heard(|| panic!("row {} is odd", 7));
        let long = heard(|| panic!("{}", "é".repeat(1 << 19)));
        let clock = heard(|| panic!("time not implemented on this platform"));
        panic::set_hook(hook);
        assert!(clock.starts_with("a rule has no clock"), "{clock}");
        assert_eq!(short, format!("row 7 is odd ({file}:{line})"));
        let cut = "é".repeat(512);
        assert_eq!(
            long,
            format!("{cut}... (1048576 bytes) ({file}:{})", line + 1)
        );
    }

    #[test]
    fn the_slot_runs_only_what_was_opened() {
        struct Nothing;

        impl Transform for Nothing {
            type Config = crate::NoConfig;

            fn open(_: crate::NoConfig) -> Result<Self, String> {
                Ok(Self)
            }

            fn plan(&self) -> Plan {
                Plan::new()
            }

            fn apply(&self, _: &Batch) -> crate::Output {
                crate::Output::new()
            }
        }
        let batch = || WireBatch {
            rows: 3,
            columns: Vec::new(),
        };
        let opened = Opened::<Nothing>::new("{}").unwrap();
        let slot = Slot(OnceCell::from(opened));
        assert!(slot.apply(batch()).unwrap().columns.is_empty());
        let error = Slot::<Nothing>::new().apply(batch()).unwrap_err();
        assert_eq!(error, "called before it was opened");
        let error = Opened::<Nothing>::new(r#"{"a":1}"#).err().unwrap();
        assert!(error.starts_with("config: unknown field `a`"), "{error}");
    }
}
