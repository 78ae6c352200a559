//! What Connect's schema of a document says of its values: `io.debezium.*` and
//! `org.apache.kafka.connect.data.*`.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Deserialize;

use crate::column::LogicalType;
use crate::decode::form::Form;
use crate::decode::meaning::{Meaning, Size};
use crate::decode::trie::Trie;

/// A schema as Connect's JSON converter writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Schema<'a> {
    #[serde(borrow, rename = "type")]
    json_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    /// Of a struct.
    #[serde(borrow)]
    fields: Option<Vec<Schema<'a>>>,
    /// Of an array.
    #[serde(borrow)]
    items: Option<Box<Schema<'a>>>,
    /// What the struct around it calls it.
    #[serde(borrow)]
    field: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parameters: Option<Parameters<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters<'a> {
    /// Digits behind the point of a `Decimal`.
    #[serde(borrow)]
    scale: Option<Parameter<'a>>,
    /// Bits of a `Bits`.
    #[serde(borrow)]
    length: Option<Parameter<'a>>,
}

/// Connect writes text; other producers write the number that it stands for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Parameter<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Number(i64),
}

impl Schema<'_> {
    fn is_type(&self, name: &str) -> bool {
        self.json_type.as_deref() == Some(name)
    }

    /// What its values mean, and what that is called.
    fn meaning(&self) -> (Meaning, &'static str) {
        let parameters = self.parameters.as_ref();
        let size = Size {
            scale: number(parameters.and_then(|p| p.scale.as_ref())),
            length: number(parameters.and_then(|p| p.length.as_ref())),
        };
        let named = self
            .name
            .as_deref()
            .and_then(|name| Meaning::of(name, size));
        match named {
            Some(meant) => meant,
            None if self.is_type("bytes") => (Meaning::Bytes, "bytes"),
            None => (Meaning::Plain, "plain"),
        }
    }

    /// The form of its values where they are read as `logical_type`, which stand in the form
    /// `unnamed` where nothing more is said of them.
    fn form(&self, logical_type: LogicalType, unnamed: Form) -> Form {
        let (meaning, name) = self.meaning();
        let form = meaning.form(logical_type, unnamed);
        match (logical_type, form) {
            (LogicalType::Json, Some(Form::Document)) => Form::Document,
            (LogicalType::Json, _) => self.list_form(),
            (_, form) => form.unwrap_or(Form::Other(name)),
        }
    }

    /// The form of a list.
    fn list_form(&self) -> Form {
        match &self.items {
            None => Form::Plain,
            Some(items) => match items.meaning().0.elements() {
                Some(elements) => Form::List(elements),
                None => items.list_form(),
            },
        }
    }

    /// Gives the reads at and below a place of `trie` the forms of their values.
    fn give(&self, trie: &mut Trie, at: usize) {
        if let Some(leaf) = &mut trie.nodes[at].leaf {
            leaf.form = self.form(leaf.logical_type, leaf.form);
        }
        let child_called = |trie: &Trie, name: &str| {
            let mut children = trie.nodes[at].children.iter();
            children.find(|(n, _)| n == name).map(|(_, child)| *child)
        };
        for field in self.fields.iter().flatten() {
            let child = field.field.as_deref().and_then(|n| child_called(trie, n));
            if let Some(child) = child {
                field.give(trie, child);
            }
        }
        if !self.is_type("struct") && trie.nodes[at].may_be_bare {
            let child = trie.nodes[at].children.first().map(|(_, child)| *child);
            child.into_iter().for_each(|child| self.give(trie, child));
        }
    }
}

fn number<N: FromStr + TryFrom<i64>>(parameter: Option<&Parameter<'_>>) -> Option<N> {
    match parameter? {
        Parameter::Text(text) => text.parse().ok(),
        Parameter::Number(number) => N::try_from(*number).ok(),
    }
}

/// The reads of `trie` in the forms that `schema` says, which is JSON; as they are where it is no
/// object. An object must be a schema of Connect's: to guess would be to take values for others.
pub(super) fn formed(trie: &Trie, schema: &str) -> Result<Trie, serde_json::Error> {
    let mut formed = trie.clone();
    if schema.starts_with('{') {
        serde_json::from_str::<Schema<'_>>(schema)?.give(&mut formed, 0);
    }
    Ok(formed)
}
