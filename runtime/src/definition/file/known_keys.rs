//! The keys that a pipeline file may have: those of the types that it is read into.

use std::fmt::Display;
use std::ops::Range;

use gristmill_core::suggest::nearest;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use toml::de::{DeArray, DeTable, DeValue};

use gristmill_sandbox::Limits;

use super::{
    Config, DeadLettersSection, DimensionSection, HttpSection, LimitsSection, OnlySection,
    PipelineSection, RegistrySection, SourceSection, TargetSection, TransformSection,
};

/// Takes every key that no type has out of the file, and tells each with its place.
pub(super) fn take_unknown(root: &mut DeTable<'_>, problem: &mut impl FnMut(Range<usize>, String)) {
    take::<Config>(root, problem);
    for (key, value) in root.iter_mut() {
        let key = key.get_ref().to_string();
        match (key.as_str(), value.get_mut()) {
            ("pipeline", DeValue::Table(table)) => take::<PipelineSection>(table, problem),
            ("source", DeValue::Table(table)) => take_from_source(table, problem),
            ("target", DeValue::Table(table)) => take::<TargetSection>(table, problem),
            ("dead_letters", DeValue::Table(table)) => take::<DeadLettersSection>(table, problem),
            ("limits", DeValue::Table(table)) => take::<LimitsSection>(table, problem),
            ("http", DeValue::Table(table)) => take::<HttpSection>(table, problem),
            ("dimension", DeValue::Table(tables)) => {
                for (_, value) in tables.iter_mut() {
                    if let DeValue::Table(table) = value.get_mut() {
                        take::<DimensionSection>(table, problem);
                    }
                }
            }
            ("transform", DeValue::Array(tables)) => take_from_transforms(tables, problem),
            ("only", DeValue::Array(tables)) => {
                for value in tables.iter_mut() {
                    if let DeValue::Table(table) = value.get_mut() {
                        take_from_only(table, problem);
                    }
                }
            }
            _ => {}
        }
    }
}

fn take_from_only(only: &mut DeTable<'_>, problem: &mut impl FnMut(Range<usize>, String)) {
    take::<OnlySection>(only, problem);
    for (key, value) in only.iter_mut() {
        if let ("transform", DeValue::Array(tables)) = (key.get_ref().as_ref(), value.get_mut()) {
            take_from_transforms(tables, problem);
        }
    }
}

fn take_from_transforms(
    transforms: &mut DeArray<'_>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    for value in transforms.iter_mut() {
        if let DeValue::Table(table) = value.get_mut() {
            take_from_transform(table, problem);
        }
    }
}

fn take_from_source(source: &mut DeTable<'_>, problem: &mut impl FnMut(Range<usize>, String)) {
    take::<SourceSection>(source, problem);
    for (key, value) in source.iter_mut() {
        if let ("registry", DeValue::Table(table)) = (key.get_ref().as_ref(), value.get_mut()) {
            take::<RegistrySection>(table, problem);
        }
    }
}

fn take_from_transform(
    transform: &mut DeTable<'_>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    take::<TransformSection>(transform, problem);
    for (key, value) in transform.iter_mut() {
        if let ("limits", DeValue::Table(limits)) = (key.get_ref().as_ref(), value.get_mut()) {
            take::<Limits>(limits, problem);
        }
    }
}

fn take<T: for<'de> Deserialize<'de>>(
    table: &mut DeTable<'_>,
    problem: &mut impl FnMut(Range<usize>, String),
) {
    let known = keys::<T>();
    let keys = table
        .iter()
        .map(|(key, _)| (key.span(), key.get_ref().to_string()));
    let unknown: Vec<_> = keys
        .filter(|(_, key)| !known.contains(&key.as_str()))
        .collect();
    for (span, key) in unknown {
        table.remove(key.as_str());
        let message = match (
            sections_of(&key).as_slice(),
            nearest(&key, known.iter().copied()),
        ) {
            ([section], _) => format!("unknown key `{key}`: it belongs under [{section}]"),
            (_, Some(near)) => format!("unknown key `{key}`: did you mean `{near}`?"),
            (_, None) => format!("unknown key `{key}`: known here are {}", known.join(", ")),
        };
        problem(span, message);
    }
}

/// The sections that have a key of the name.
fn sections_of(key: &str) -> Vec<&'static str> {
    let sections = [
        ("pipeline", keys::<PipelineSection>()),
        ("source", keys::<SourceSection>()),
        ("source.registry", keys::<RegistrySection>()),
        ("target", keys::<TargetSection>()),
        ("dead_letters", keys::<DeadLettersSection>()),
        ("limits", keys::<LimitsSection>()),
        ("http", keys::<HttpSection>()),
    ];
    let found = sections.into_iter().filter(|(_, keys)| keys.contains(&key));
    found.map(|(section, _)| section).collect()
}

/// The keys of a struct, as it tells whoever deserializes it.
fn keys<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut asked = Asked(&[]);
    // The answer is what it asked for: there is no value.
    let _ = T::deserialize(&mut asked);
    asked.0
}

/// A source of nothing, which keeps the fields that a struct asks it for.
struct Asked(&'static [&'static str]);

/// There is no value in [`Asked`].
#[derive(Debug, thiserror::Error)]
#[error("there is no value")]
struct NoValue;

impl de::Error for NoValue {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for &mut Asked {
    type Error = NoValue;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoValue> {
        Err(NoValue)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, NoValue> {
        self.0 = fields;
        Err(NoValue)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_tells_its_keys() {
        assert_eq!(keys::<DeadLettersSection>(), ["topic", "ratio_max"]);
        assert!(keys::<Limits>().contains(&"memory_max_bytes"));
        assert!(!keys::<Config>().contains(&"folder"));
    }

    #[test]
    fn unknown_keys_are_found_in_every_table() {
        let text = "x = 1\n[pipeline]\nx = 1\n[source]\nx = 1\nregistry = { x = 1 }\n\
                    [[transform]]\nx = 1\n\
                    limits = { x = 1 }\n[target]\nx = 1\n[dead_letters]\nx = 1\n[limits]\nx = 1\n\
                    [dimension.d]\nx = 1\n[http]\nx = 1\n[[only]]\nx = 1\n\
                    [[only.transform]]\nx = 1\n";
        let mut root = DeTable::parse(text).unwrap();
        let mut lines = Vec::new();
        take_unknown(root.get_mut(), &mut |span, _| {
            lines.push(text[..span.start].matches('\n').count() + 1);
        });
        lines.sort_unstable();
        assert_eq!(lines, [1, 3, 5, 6, 8, 9, 11, 13, 15, 17, 19, 21, 23]);
        // Every table that the file may have is looked at.
        let sections = keys::<Config>().len();
        assert_eq!(sections, lines.len() - 4, "{:?}", keys::<Config>());
    }
}
