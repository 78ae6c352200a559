//! `enrich-email` with flaws: at the domains that its config names it panics, in few words or many,
//! loops, hoards memory, lies, floods the log, idles, rejects the row, or writes a domain that no
//! table of the tests takes.

use gristmill_guest::{Reject, RowTransform};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform! {
    Flawed
    reads Input<'a> {
        email: Option<&'a str>,
    }
    writes Output<'a> {
        email_domain: Option<&'a str>,
        is_corporate: bool,
    }
    rejects Refusal {
        Disliked = "disliked",
    }
}

/// Some milliseconds.
const IDLE_STEPS: u32 = 10_000_000;
/// Far more than a second lets through, and a tenth of what a batch has fuel for.
const FLOOD_LINES: usize = 5_000;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Flawed {
    corporate_domains: Vec<String>,
    panics_on: Vec<String>,
    loops_on: Vec<String>,
    hoards_on: Vec<String>,
    shouts_on: Vec<String>,
    lies_on: Vec<String>,
    floods_on: Vec<String>,
    rejects: Vec<String>,
    spoils: Vec<String>,
    idles_on: Vec<String>,
}

impl RowTransform for Flawed {
    fn row<'a>(&'a self, Input { email }: Input<'a>) -> Result<Output<'a>, Reject> {
        let mut email_domain = email.and_then(|email| Some(email.rsplit_once('@')?.1));
        let is_in = |list: &[String]| {
            let known = |d: &str| list.iter().any(|known| known.eq_ignore_ascii_case(d));
            email_domain.is_some_and(known)
        };
        assert!(!is_in(&self.panics_on), "a domain to panic on");
        while is_in(&self.loops_on) {}
        if is_in(&self.idles_on) {
            (0..IDLE_STEPS).for_each(|step| {
                std::hint::black_box(step);
            });
        }
        let mut hoard = Vec::new();
        while is_in(&self.hoards_on) {
            hoard.push(std::hint::black_box(vec![1u8; 1 << 20]));
        }
        assert!(!is_in(&self.shouts_on), "{}", "x".repeat(1 << 20));
        if is_in(&self.floods_on) {
            (0..FLOOD_LINES).for_each(|_| gristmill_guest::log::info("a line of no use"));
        }
        if is_in(&self.lies_on) {
            let message = "its plan declares no such code".to_owned();
            return Err(Reject {
                code: "made-up",
                message,
            });
        }
        if is_in(&self.rejects) {
            return Err(Refusal::Disliked.because("the domain is disliked"));
        }
        let is_corporate = is_in(&self.corporate_domains);
        if is_in(&self.spoils) {
            email_domain = Some("spoilt.example");
        }
        Ok(Output {
            email_domain: email_domain.filter(|domain| !domain.is_empty()),
            is_corporate,
        })
    }
}
