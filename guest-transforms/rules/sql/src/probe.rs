//! Runs one expression on values that are texts, for the test against PostgreSQL.

use std::rc::Rc;

use crate::call::{Call, Failures, Slot};
use crate::column::{Column, Values};
use crate::eval::Environment;
use crate::function;
use crate::resolve::{self, Known};
use crate::types::Type;

/// What an expression gives for each row, as text.
pub struct Probed {
    pub of_type: Type,
    /// Whether a value may be null, by the types alone.
    pub is_nullable: bool,
    pub rows: Vec<Result<Option<String>, String>>,
}

/// Runs `text` over columns whose values are written as texts that a cast reads. A column of which
/// no value is null is one that is never null.
pub fn probe(
    text: &str,
    columns: &[(&str, Type)],
    rows: &[Vec<Option<String>>],
) -> Result<Probed, String> {
    let known: Vec<Known> = columns
        .iter()
        .enumerate()
        .map(|(at, (name, of_type))| Known {
            name: (*name).to_owned(),
            of_type: *of_type,
            is_nullable: rows.iter().any(|row| row[at].is_none()),
        })
        .collect();
    let mut count = 0;
    let node = resolve::resolve(text, &known, &mut count)
        .map_err(|mistake| mistake.in_text("probe", text))?;
    let slots: Vec<Slot> = (0..=count + columns.len())
        .map(|_| Slot::default())
        .collect();
    let failures = Failures::default();
    let is_live = vec![true; rows.len()];
    let mut inputs = Vec::new();
    for (at, (_, of_type)) in columns.iter().enumerate() {
        let texts = rows
            .iter()
            .map(|row| row[at].as_deref().unwrap_or(""))
            .collect();
        let is_valid = rows.iter().map(|row| row[at].is_some()).collect();
        let texts = Rc::new(Column::new(Values::Text(texts), is_valid));
        inputs.push(cast(
            texts,
            Type::Text,
            *of_type,
            rows.len(),
            &slots[count + at],
            &failures,
        ));
    }
    if let Some(failure) = failures.take().into_iter().flatten().next() {
        return Err(format!("a value of the test is none: {failure}"));
    }
    let environment = Environment::new(inputs, &slots, &failures);
    let found = environment.run(&node, &is_live);
    let of_type = if node.of_type == Type::Unknown {
        Type::Text
    } else {
        node.of_type
    };
    let texts = cast(
        found,
        of_type,
        Type::Text,
        rows.len(),
        &slots[count + columns.len()],
        &failures,
    );
    let mut failed = failures.take();
    failed.resize(rows.len(), None);
    let rows = failed
        .into_iter()
        .enumerate()
        .map(|(row, failure)| match failure {
            Some(failure) => Err(failure.into_owned()),
            None => Ok(texts.has(row).then(|| texts.texts()[row].to_owned())),
        });
    Ok(Probed {
        of_type,
        is_nullable: node.is_nullable,
        rows: rows.collect(),
    })
}

fn cast<'a>(
    column: Rc<Column<'a>>,
    from: Type,
    to: Type,
    rows: usize,
    slot: &'a Slot,
    failures: &Failures,
) -> Rc<Column<'a>> {
    let Some(cast) = function::cast(from, to) else {
        return column;
    };
    let is_live: Vec<bool> = (0..rows).map(|row| column.has(row)).collect();
    let arguments = [column];
    let call = Call {
        arguments: &arguments,
        is_live: &is_live,
        prepared: None,
        slot,
        failures,
    };
    Rc::new((cast.run)(&call))
}
