//! What is wrong with each row: a JSON array of flags, empty for a row without fault. One column,
//! so that another flag does not change the table.
//!
//! A component has no clock, or the same events would not give the same rows twice: how old an
//! event is *now* cannot be told, only whether it is older than a given moment.

mod email;

use std::borrow::Cow;

use gristmill_guest::{Json, Presence, Reject, RowTransform, TimestampMs};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform! {
    EnrichQuality
    reads Input<'a> {
        name: Presence<&'a str>,
        email: Presence<&'a str>,
        updated_at: Option<TimestampMs>,
    }
    writes Output {
        /// Absent where the source did not state name or e-mail: what was said of the whole row
        /// stays.
        quality_flags: Presence<Json<Cow<'static, str>>>,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EnrichQuality {
    /// A longer name is `name-too-long`. Characters.
    name_max_chars: usize,
    /// A longer e-mail address is `email-too-long`. Characters; mail servers take no more than
    /// 254.
    email_max_chars: usize,
    /// An event from before this moment is `stale`. Milliseconds since the Unix epoch; none is
    /// when it is left out.
    stale_before_ms: Option<i64>,
}

impl Default for EnrichQuality {
    fn default() -> Self {
        Self {
            name_max_chars: 200,
            email_max_chars: 254,
            stale_before_ms: None,
        }
    }
}

impl RowTransform for EnrichQuality {
    fn row(&self, input: Input) -> Result<Output, Reject> {
        let (Some(name), Some(email)) = (stated(input.name), stated(input.email)) else {
            let quality_flags = Presence::Absent;
            return Ok(Output { quality_flags });
        };
        let flags = [
            self.of_name(name),
            self.of_email(email),
            self.of_time(input.updated_at),
        ];
        Ok(Output {
            quality_flags: Presence::Value(json(flags)),
        })
    }
}

impl EnrichQuality {
    fn of_name(&self, name: Option<&str>) -> Option<&'static str> {
        match name {
            None => Some("name-missing"),
            Some(name) if name.trim().is_empty() => Some("name-missing"),
            Some(name) if is_longer(name, self.name_max_chars) => Some("name-too-long"),
            Some(_) => None,
        }
    }

    fn of_email(&self, email: Option<&str>) -> Option<&'static str> {
        match email {
            None | Some("") => Some("email-missing"),
            Some(email) if is_longer(email, self.email_max_chars) => Some("email-too-long"),
            Some(email) if !email::is_well_formed(email) => Some("email-malformed"),
            Some(_) => None,
        }
    }

    fn of_time(&self, updated_at: Option<TimestampMs>) -> Option<&'static str> {
        let limit = TimestampMs(self.stale_before_ms?);
        (updated_at? < limit).then_some("stale")
    }
}

/// What the source said; `None` when it said nothing.
fn stated(text: Presence<&str>) -> Option<Option<&str>> {
    match text {
        Presence::Absent => None,
        Presence::Null => Some(None),
        Presence::Value(text) => Some(Some(text)),
    }
}

/// Counts no further than it must.
fn is_longer(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_some()
}

/// Most rows are without fault, and cost no allocation.
fn json(flags: [Option<&str>; 3]) -> Json<Cow<'static, str>> {
    if flags == [None; 3] {
        return Json("[]".into());
    }
    let flags: Vec<&str> = flags.into_iter().flatten().collect();
    Json(Json::of(&flags).0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(rule: &EnrichQuality, name: Presence<&str>, email: Presence<&str>, at: i64) -> String {
        let updated_at = Some(TimestampMs(at));
        let row = Input {
            name,
            email,
            updated_at,
        };
        match rule.row(row).unwrap().quality_flags {
            Presence::Value(Json(flags)) => flags.into_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_fault_has_its_flag() {
        use Presence::{Absent, Null, Value};
        let rule = EnrichQuality {
            name_max_chars: 3,
            email_max_chars: 7,
            stale_before_ms: Some(10),
        };
        for (name, email, at, expected) in [
            (Value("Ädä"), Value("a@b.com"), 10, "[]"),
            (Value("Adam"), Value("a@b.com"), 10, r#"["name-too-long"]"#),
            (Value(" \t"), Value("a@b.com"), 10, r#"["name-missing"]"#),
            (
                Null,
                Value(""),
                9,
                r#"["name-missing","email-missing","stale"]"#,
            ),
            (Value("Ada"), Value("a@b.comx"), 10, r#"["email-too-long"]"#),
            (Value("Ada"), Value("a@b"), 10, r#"["email-malformed"]"#),
            (Absent, Value("a@b"), 9, "Absent"),
            (Null, Absent, 9, "Absent"),
        ] {
            assert_eq!(
                flags(&rule, name, email, at),
                expected,
                "{name:?} {email:?}"
            );
        }
    }

    #[test]
    fn nothing_is_stale_without_a_limit() {
        let rule = EnrichQuality::default();
        let (name, email) = (Presence::Value("Ada"), Presence::Value("a@b.com"));
        assert_eq!(flags(&rule, name, email, i64::MIN), "[]");
    }
}
