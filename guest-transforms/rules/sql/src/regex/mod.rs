//! Regular expressions, as PostgreSQL reads them and under its rule: of the matches that begin
//! first the longest one.

mod bracket;
mod parse;
mod replacement;

use std::cell::RefCell;

use regex_automata::dfa::{Automaton as _, StartKind, dense, onepass};
use regex_automata::nfa::thompson::{Compiler, Config, NFA};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;

pub(crate) use replacement::Replacement;

/// What the automata of a pattern may take: a rule has 64 MiB for all of it.
const SIZE_MAX: usize = 2 << 20;

/// A pattern, ready to match.
#[derive(Debug)]
pub(crate) struct Pattern {
    automaton: dense::DFA<Vec<u32>>,
    /// Whether a match can begin with each byte.
    begins: Vec<bool>,
    /// Finds groups, where there is only one way to match.
    groups: Option<Groups>,
    pub(crate) group_count: usize,
    pub(crate) replacement: Option<Replacement>,
    /// Whether all matches are replaced, not the first one alone.
    pub(crate) is_global: bool,
}

#[derive(Debug)]
struct Groups {
    automaton: onepass::DFA,
    cache: RefCell<onepass::Cache>,
}

/// The places of a match and of its groups.
pub(crate) type Found = Vec<Option<(usize, usize)>>;

/// How a pattern is used.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Use {
    /// Whether there is a match.
    Test,
    /// Where it is.
    Find,
    /// Where its groups are, too.
    Groups,
}

impl Pattern {
    pub(crate) fn new(text: &str, is_exact: bool, used: Use) -> Result<Self, String> {
        let parsed = parse::parse(text, is_exact)?;
        if parsed.has_lazy && used != Use::Test {
            return Err(
                "quantifiers that take as little as they can, as `*?`, are not here: say \
                        what may not stand there, as in `[^@]*`"
                    .to_owned(),
            );
        }
        if parsed.has_passed_by && used == Use::Groups {
            return Err(
                "a group that only some rounds of a repetition match, as in `((a)|b)*`, is not \
                 here: write `(?:` for brackets whose text is not asked for"
                    .to_owned(),
            );
        }
        let nfa = nfa(&parsed.hir)?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Both)
                    .dfa_size_limit(Some(SIZE_MAX))
                    .determinize_size_limit(Some(2 * SIZE_MAX)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| too_large())?;
        let groups = match used == Use::Groups && parsed.groups > 0 {
            true => Some(Groups::new(&nfa)?),
            false => None,
        };
        let begins = begins(&automaton).ok_or_else(too_large)?;
        Ok(Self {
            automaton,
            begins,
            groups,
            group_count: parsed.groups,
            replacement: None,
            is_global: false,
        })
    }

    /// Whether there is a match.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let input = Input::new(text).earliest(true);
        self.automaton
            .try_search_fwd(&input)
            .is_ok_and(|found| found.is_some())
    }

    /// The first longest match from `at` on.
    pub(crate) fn find(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes();
        let input = Input::new(text).span(at..text.len()).earliest(true);
        self.automaton.try_search_fwd(&input).ok().flatten()?;
        for start in at..=text.len() {
            let may_begin = bytes
                .get(start)
                .is_none_or(|byte| self.begins[usize::from(*byte)]);
            if !may_begin || !text.is_char_boundary(start) {
                continue;
            }
            let input = Input::new(text)
                .span(start..text.len())
                .anchored(Anchored::Yes);
            if let Ok(Some(end)) = self.automaton.try_search_fwd(&input) {
                return Some((start, end.offset()));
            }
        }
        None
    }

    /// The groups of a match that was found, the match itself first.
    pub(crate) fn groups(&self, text: &str, (start, end): (usize, usize)) -> Found {
        let mut found = vec![None; self.group_count + 1];
        found[0] = Some((start, end));
        if let Some(groups) = &self.groups {
            let mut slots: Vec<Option<NonMaxUsize>> = vec![None; 2 * found.len()];
            let input = Input::new(text)
                .span(start..text.len())
                .anchored(Anchored::Yes);
            let mut cache = groups.cache.borrow_mut();
            let _ = groups
                .automaton
                .try_search_slots(&mut cache, &input, &mut slots);
            for (group, pair) in found.iter_mut().zip(slots.chunks(2)).skip(1) {
                *group = match pair {
                    [Some(start), Some(end)] => Some((start.get(), end.get())),
                    _ => None,
                };
            }
        }
        found
    }
}

impl Groups {
    fn new(nfa: &NFA) -> Result<Self, String> {
        let automaton = onepass::Builder::new()
            .configure(
                onepass::Config::new()
                    .match_kind(MatchKind::All)
                    .size_limit(Some(SIZE_MAX)),
            )
            .build_from_nfa(nfa.clone())
            .map_err(|_| {
                "a text may match this pattern in several ways, and which one decides the groups: \
                 make it plain where each part ends, as in `([^@]*)@(.*)`"
                    .to_owned()
            })?;
        let cache = RefCell::new(automaton.create_cache());
        Ok(Self { automaton, cache })
    }
}

fn too_large() -> String {
    "the pattern is too large: take fewer and smaller repetitions".to_owned()
}

fn nfa(hir: &Hir) -> Result<NFA, String> {
    Compiler::new()
        .configure(Config::new().nfa_size_limit(Some(SIZE_MAX)))
        .build_from_hir(hir)
        .map_err(|_| too_large())
}

/// The bytes after which an anchored match may go on, at the start of a text and within it.
fn begins(automaton: &dense::DFA<Vec<u32>>) -> Option<Vec<bool>> {
    let mut begins = vec![false; 256];
    for text in ["", "a", "\n"] {
        let input = Input::new(text)
            .span(text.len()..text.len())
            .anchored(Anchored::Yes);
        let start = automaton.start_state_forward(&input).ok()?;
        for byte in 0..=255_u8 {
            let next = automaton.next_state(start, byte);
            begins[usize::from(byte)] |= !automaton.is_dead_state(next);
        }
    }
    Some(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, text: &str) -> Option<(usize, usize)> {
        Pattern::new(pattern, true, Use::Find)
            .unwrap()
            .find(text, 0)
    }

    #[test]
    fn the_first_longest_match_is_found() {
        assert_eq!(find("a|ab|abc", "xabcd"), Some((1, 4)));
        assert_eq!(find("(a|ab)(c|bcd)?", "abcd"), Some((0, 4)));
        assert_eq!(find("x*", "aax"), Some((0, 0)));
        assert_eq!(find("^b", "ab"), None);
        assert_eq!(find(".$", "aé"), Some((1, 3)));
        assert_eq!(find("[^a-c]+", "abcdé\nf"), Some((3, 8)));
    }

    #[test]
    fn groups_are_found_where_there_is_one_way() {
        let pattern = Pattern::new("([^@]*)@(.*)", true, Use::Groups).unwrap();
        let found = pattern.find("a@b", 0).unwrap();
        let expected = vec![Some((0, 3)), Some((0, 1)), Some((2, 3))];
        assert_eq!(pattern.groups("a@b", found), expected);
        assert!(Pattern::new("(a*)(a*)", true, Use::Groups).is_err());
    }

    #[test]
    fn a_group_that_only_some_rounds_match_is_refused() {
        for pattern in [
            "((a)|b)*",
            "((a)?b)*",
            "(?:(a)|b)*",
            "(?:(a)|b){2}",
            "((a)|b)+",
            "(?:(?:(a)|b)?c)*",
            "(?:(?:(a)b)*c){1,3}",
        ] {
            let refused = Pattern::new(pattern, true, Use::Groups).err();
            let is_said = refused.is_some_and(|why| why.contains("some rounds"));
            assert!(is_said, "{pattern}");
            assert!(Pattern::new(pattern, true, Use::Find).is_ok(), "{pattern}");
        }
        for pattern in [
            "((a)b)*",
            "((a)|b)?",
            "((a)|b){1}",
            "(?:a|b)*(c)",
            "(?:(a)(b+)c)+",
        ] {
            assert!(
                Pattern::new(pattern, true, Use::Groups).is_ok(),
                "{pattern}"
            );
        }
    }
}
