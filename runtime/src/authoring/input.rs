//! The batch that a transform gets for rows written as JSON.

use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow_schema::DataType;
use gristmill_core::chain::wrong_takes;
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::decode::names;
use gristmill_core::dimension::Dimension;
use gristmill_core::plan::{Join, Plan};
use serde_json::{Map, Value};

use crate::definition::file::absent;
use gristmill_core::rows;
use gristmill_core::suggest::nearest;

/// Gives a dimension's rows by its name, as CSV with a header.
pub type DimensionFiles<'a> = dyn Fn(&str) -> Result<Vec<u8>> + 'a;

/// DimensionFiles in files `NAME.csv` of a folder.
pub fn csv_files(folder: &Path) -> impl Fn(&str) -> Result<Vec<u8>> + use<> {
    let folder = folder.to_owned();
    move |name| {
        let path = folder.join(name).with_extension("csv");
        std::fs::read(&path).with_context(|| {
            format!(
                "the rule joins `{name}`: put rows of it into {}, with a header",
                path.display()
            )
        })
    }
}

/// What the transform reads of each row, and what its joins take. A read is followed as a path;
/// where a name is missing the value is absent, or null where the plan says so. What stands for a
/// value that was not sent, as Debezium writes it, is absent, too.
pub fn batch(plan: &Plan, input: &[Value], dimensions: &DimensionFiles) -> Result<Batch> {
    let mut batch = rows::batch(&plan.reads, &as_decoded(plan, input))?;
    for join in &plan.joins {
        let on: Vec<Field> = join.on.iter().map(|name| on(plan, name, input)).collect();
        let dimension = dimension(join, &on, &dimensions(&join.dimension)?)?;
        if let Some(problem) = wrong_takes(join, dimension.fields()).first() {
            bail!("{problem}");
        }
        let on = rows::batch(&on, input)?.columns;
        let matches = dimension.lookup(&on.iter().collect::<Vec<&Column>>(), input.len());
        batch.columns.extend(dimension.take(&matches, &join.take));
    }
    batch.fields = plan.input_fields().cloned().collect();
    Ok(batch)
}

/// Documents with what the decoder makes of names that they do not have, of placeholders, and of
/// values that are read as JSON.
fn as_decoded(plan: &Plan, input: &[Value]) -> Vec<Value> {
    let Some(roles) = &plan.roles else {
        return input.to_vec();
    };
    let is_placeholder = |value: &Value| value.as_str() == Some(absent().as_str());
    let nulls = plan
        .attributes
        .iter()
        .filter(|(name, _)| name == "missing-is-null");
    let nulls: Vec<Vec<String>> = nulls.filter_map(|(_, path)| names(path)).collect();
    let reads = |path| plan.reads.iter().any(|read| read.name == path);
    let decoded = |document: &Value| {
        let mut document = document.clone();
        for (path, part, is_said) in SAID {
            if reads(path) {
                say(&mut document, path, part, is_said);
            }
        }
        for read in &plan.reads {
            let Some(path) = names(&read.name) else {
                continue;
            };
            let Some((name, above)) = path.split_last() else {
                continue;
            };
            let above_it = above
                .iter()
                .try_fold(&mut document, |at, name| at.get_mut(name));
            let Some(object) = above_it.and_then(Value::as_object_mut) else {
                continue;
            };
            if object.get(name).is_some_and(is_placeholder) {
                object.remove(name);
            } else if nulls.iter().any(|path| path == above) && !roles.key.contains(name) {
                object.entry(name).or_insert(Value::Null);
            } else if read.logical_type == LogicalType::Json
                && let Some(value) = object.get_mut(name)
                && !value.is_string()
                && !value.is_null()
            {
                *value = value.to_string().into();
            }
        }
        document
    };
    input.iter().map(decoded).collect()
}

/// Reads that say of a part of the record whether it is there: each with the part, and what it says
/// where it is.
const SAID: [(&str, &str, bool); 2] = [
    ("meta.tombstone", "value", false),
    ("meta.has_key", "key", true),
];

fn say(document: &mut Value, path: &str, part: &str, is_said: bool) {
    let is_there = document.get(part).is_some_and(|part| !part.is_null());
    let meta = document.as_object_mut().map(|parts| {
        parts
            .entry("meta")
            .or_insert_with(|| Value::Object(Map::new()))
    });
    let name = path.strip_prefix("meta.");
    if let Some((meta, name)) = meta.and_then(Value::as_object_mut).zip(name) {
        meta.insert(name.to_owned(), (is_there == is_said).into());
    }
}

/// An error where a row of an enricher has a name that the rule does not read, as a misspelt one
/// would be an absent value, and nobody would see it; or has a null that the rule says never to
/// read.
pub fn check_rows(plan: &Plan, input: &[Value]) -> Result<()> {
    if plan.roles.is_some() {
        // A normalizer gets documents, of which it reads a part.
        return Ok(());
    }
    let on = plan.joins.iter().flat_map(|join| &join.on);
    let known: Vec<&str> = plan
        .reads
        .iter()
        .map(|f| &f.name)
        .chain(on)
        .map(String::as_str)
        .collect();
    for (i, row) in input.iter().enumerate() {
        let mut names = row.as_object().into_iter().flat_map(Map::keys);
        if let Some(name) = names.find(|name| !known.contains(&name.as_str())) {
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it reads {}", known.join(", ")),
            };
            bail!("input row {i}: the rule reads no column `{name}`: {hint}");
        }
        let mut never = plan.reads.iter().filter(|field| !field.nullable);
        let is_null = |field: &&Field| rows::follow(row, &field.name).is_some_and(Value::is_null);
        if let Some(field) = never.find(is_null) {
            bail!(
                "input row {i}: `{}` is null, and the rule reads it as never null, which a \
                 pipeline refuses where it may be: read it as one that may be (in Rust an \
                 `Option`), or give it a value",
                field.name
            );
        }
    }
    Ok(())
}

/// Where the rows of a case are typed as the plan says and those of a pipeline may not be, a
/// sentence each: a dimension that is a file has texts only.
pub fn typed_joins(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    for join in &plan.joins {
        let on = plan
            .reads
            .iter()
            .filter(|read| join.on.contains(&read.name));
        for field in on.chain(&join.take) {
            if field.logical_type != LogicalType::Text {
                notes.push(format!(
                    "the rule has `{}` of the dimension `{}` as {}: where a pipeline reads the \
                     dimension from a file, all of it is text, and `check` refuses that; a `query` \
                     gives it the type",
                    field.name, join.dimension, field.logical_type
                ));
            }
        }
    }
    notes
}

/// The key's columns of a dimension that is joined on the columns `on`: those of the same names,
/// else as many from the first on.
pub fn key(csv: &[u8], on: &[String]) -> Result<Vec<String>> {
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers()?;
    let is_column = |name: &String| header.iter().any(|column| column == name);
    Ok(match on.iter().all(is_column) {
        true => on.to_vec(),
        false => header.iter().take(on.len()).map(str::to_owned).collect(),
    })
}

/// A column to join on. One that is not read, too, has no type but its values'.
fn on(plan: &Plan, name: &str, input: &[Value]) -> Field {
    let read = plan.reads.iter().find(|f| f.name == name);
    let mut values = input
        .iter()
        .filter_map(|row| rows::follow(row, name))
        .peekable();
    let is_number = values.peek().is_some() && values.all(|v| v.is_i64() || v.is_null());
    Field {
        name: name.to_owned(),
        logical_type: match read {
            Some(read) => read.logical_type,
            None if is_number => LogicalType::Int64,
            None => LogicalType::Text,
        },
        nullable: true,
    }
}

/// The dimension that a join names, its columns typed as the join needs them; an empty value is
/// null.
fn dimension(join: &Join, on: &[Field], csv: &[u8]) -> Result<Dimension> {
    let name = &join.dimension;
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader
        .headers()
        .with_context(|| format!("dimension `{name}`"))?
        .clone();
    let key = key(csv, &join.on)?;
    let field = |column: &str| {
        let of_key = key
            .iter()
            .position(|name| name == column)
            .and_then(|i| on.get(i));
        let known = of_key.or_else(|| join.take.iter().find(|f| f.name == column));
        Field {
            name: column.to_owned(),
            logical_type: known.map_or(LogicalType::Text, |f| f.logical_type),
            nullable: true,
        }
    };
    let fields: Vec<Field> = header.iter().map(field).collect();
    let mut values = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let context = || format!("dimension `{name}`, row {}", i + 1);
        let record = record.with_context(context)?;
        let named = fields.iter().zip(&record);
        let row = named.map(|(field, text)| Ok((field.name.clone(), typed(field, text)?)));
        values.push(Value::Object(
            row.collect::<Result<Map<_, _>>>().with_context(context)?,
        ));
    }
    Ok(Dimension::new(name, rows::batch(&fields, &values)?, &key)?)
}

fn typed(field: &Field, text: &str) -> Result<Value> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let context = || {
        format!(
            "`{}` is `{text}`, which is no {}",
            field.name, field.logical_type
        )
    };
    Ok(match field.logical_type.data_type() {
        DataType::Boolean => text.parse::<bool>().with_context(context)?.into(),
        DataType::Int64 => text.parse::<i64>().with_context(context)?.into(),
        DataType::Float64 => text.parse::<f64>().with_context(context)?.into(),
        _ => text.into(),
    })
}
