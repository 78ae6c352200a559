//! What a rule's author does, with the built program and a real compiler: from `transform new` to a
//! component, and everything that can be wrong on the way.

mod capture;
mod folder;
mod inspect;
mod languages;
mod mistakes;
mod rule_toml;
mod sentences;
mod try_events;
