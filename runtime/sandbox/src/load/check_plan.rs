//! A plan as a component answered it, checked and typed.

use std::collections::HashSet;

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::dead_letter::HOST_CODES;
use gristmill_core::dedup::VersionRule;
use gristmill_core::plan::{Join, Plan, Roles};
use gristmill_core::suggest::did_you_mean;
use gristmill_core::transform::Fault;

use crate::bindings::gristmill::transform::types as wit;
use crate::printable::{MESSAGE_MAX_BYTES, printable, printable_pairs};

/// Longest code of a rejection. 64: as long as a name in Postgres.
const CODE_MAX_BYTES: usize = 64;

/// Entries of each list in a plan. 1,600: as many columns as a table of Postgres can have. What the
/// host does for each column of a batch and each code of a rejection is not metered, so a component
/// may not choose how much that is.
pub(crate) const ENTRIES_MAX: usize = 1_600;

/// Longest name. 1 KiB: a column's in Postgres has 63, a path into a document a few of that length.
const NAME_MAX_BYTES: usize = 1 << 10;

/// Types the plan. What is wrong with it is the component's fault.
pub(crate) fn check(transform: &str, plan: wit::Plan) -> Result<Plan, Fault> {
    bounded(&plan)
        .and_then(|()| typed(plan))
        .and_then(|plan| consistent(&plan).map(|()| plan))
        .map_err(|why| {
            let why = printable(&why, MESSAGE_MAX_BYTES);
            Fault::Lied(format!(
                "transform `{transform}` answers `open` with a plan that cannot be: {why}"
            ))
        })
}

fn bounded(plan: &wit::Plan) -> Result<(), String> {
    let taken = plan
        .joins
        .iter()
        .map(|join| join.on.len() + join.take.len());
    let order = plan.roles.iter().map(|r| r.key.len() + r.order.len());
    let lists = [
        ("reads", plan.reads.len()),
        ("joins", plan.joins.len()),
        ("columns of joins", taken.sum()),
        ("writes", plan.writes.len()),
        ("key and order columns", order.sum()),
        ("reject codes", plan.reject_codes.len()),
        ("attributes", plan.attributes.len()),
    ];
    match lists.iter().find(|(_, entries)| *entries > ENTRIES_MAX) {
        None => Ok(()),
        Some((list, entries)) => Err(format!(
            "it has {entries} {list}, and {ENTRIES_MAX} are the most, which no setting changes: \
             split the rule"
        )),
    }
}

fn roles(roles: wit::Roles, attributes: &[(String, String)]) -> Result<Roles, String> {
    let truncate = attributes.iter().find(|(name, _)| name == "truncate");
    let old_key = attributes.iter().filter(|(name, _)| name == "old-key");
    Ok(Roles {
        key: roles.key,
        event_time: roles.event_time,
        deleted: roles.deleted,
        order: roles.order,
        version: VersionRule::from_attributes(attributes)?,
        truncate: truncate.map(|(_, column)| column.clone()),
        old_key: old_key.map(|(_, column)| column.clone()).collect(),
    })
}

fn typed(plan: wit::Plan) -> Result<Plan, String> {
    let joins = plan.joins.into_iter().map(|join| {
        let is_odd = |name: &&String| !is_name(name);
        if let Some(name) = join.on.iter().chain([&join.dimension]).find(is_odd) {
            return Err(format!("it joins by a name like {}", quoted(name)));
        }
        Ok(Join {
            dimension: join.dimension,
            on: join.on,
            take: fields("takes", join.take)?,
        })
    });
    // A normalizer reads what it writes by longer names.
    let writes = fields("writes", plan.writes)?;
    Ok(Plan {
        reads: fields("reads", plan.reads)?,
        joins: joins.collect::<Result<_, String>>()?,
        writes,
        roles: plan.roles.map(|r| roles(r, &plan.attributes)).transpose()?,
        reject_codes: plan.reject_codes,
        attributes: printable_pairs(plan.attributes),
    })
}

/// The types by name, for who misspelt one; `decimal(p,s)` stands for all of its kind.
const TYPES: [&str; 14] = [
    "boolean",
    "int64",
    "float64",
    "text",
    "bytes",
    "timestamp(us)",
    "timestamp(ms)",
    "date",
    "time(us)",
    "time(ms)",
    "uuid",
    "decimal(p,s)",
    "decimal",
    "json",
];

/// Names every field of a type that there is not.
fn known_types(verb: &str, fields: &[wit::Field]) -> Result<(), String> {
    let is_unknown = |field: &&wit::Field| field.logical_type.parse::<LogicalType>().is_err();
    let unknown: Vec<String> = fields
        .iter()
        .filter(is_unknown)
        .map(
            |wit::Field {
                 name, logical_type, ..
             }| {
                let near = did_you_mean(logical_type, TYPES);
                format!("`{name}` with an unknown logical type `{logical_type}`{near}")
            },
        )
        .collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "it {verb} {}: the types are {}",
            unknown.join(", "),
            TYPES.join(", ")
        )),
    }
}

fn fields(verb: &str, fields: Vec<wit::Field>) -> Result<Vec<Field>, String> {
    known_types(verb, &fields)?;
    fields
        .into_iter()
        .map(|field| {
            let logical_type = field
                .logical_type
                .parse::<LogicalType>()
                .map_err(|e| format!("it {verb} `{}` with an {e}", field.name))?;
            if !is_name(&field.name) {
                return Err(format!("it {verb} a field called {}", quoted(&field.name)));
            }
            if let LogicalType::Decimal { precision, scale } = logical_type
                && (precision == 0 || scale > precision)
            {
                return Err(format!(
                    "it {verb} `{}` as {logical_type}: the scale may not exceed the precision",
                    field.name
                ));
            }
            Ok(Field {
                name: field.name,
                logical_type,
                nullable: field.nullable,
            })
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX_BYTES).contains(&name.len()) && !name.contains(char::is_control)
}

/// A name for a message: only its beginning, when it is long.
fn quoted(name: &str) -> String {
    let beginning = &name[..name.floor_char_boundary(CODE_MAX_BYTES)];
    format!("{beginning:?}, and a name has 1-{NAME_MAX_BYTES} bytes and no control characters")
}

fn consistent(plan: &Plan) -> Result<(), String> {
    if let Some(twice) = duplicate(plan.writes.iter().map(|f| f.name.as_str())) {
        return Err(format!("it writes `{twice}` twice"));
    }
    if let Some(join) = plan
        .joins
        .iter()
        .find(|j| j.on.is_empty() || j.take.is_empty())
    {
        return Err(format!(
            "its join with `{}` has no `on` or takes nothing",
            join.dimension
        ));
    }
    if let Some(code) = plan.reject_codes.iter().find(|c| !is_code(c)) {
        return Err(format!(
            "its reject code {code:?} is not 1-{CODE_MAX_BYTES} lower-case letters, digits and \
             hyphens"
        ));
    }
    if let Some(code) = plan.reject_codes.iter().find(|c| c.starts_with(HOST_CODES)) {
        return Err(format!(
            "its reject code `{code}` begins with `{HOST_CODES}`, as the host's own codes do: \
             choose another"
        ));
    }
    if let Some(twice) = duplicate(plan.reject_codes.iter().map(String::as_str)) {
        return Err(format!("it declares the reject code `{twice}` twice"));
    }
    plan.roles
        .as_ref()
        .map_or(Ok(()), |roles| fitting_roles(plan, roles))
}

fn duplicate<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn is_code(code: &str) -> bool {
    (1..=CODE_MAX_BYTES).contains(&code.len())
        && code
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn fitting_roles(plan: &Plan, roles: &Roles) -> Result<(), String> {
    use LogicalType as T;
    let role = |role: &str, name: &str, wanted: &str, fits: fn(T) -> bool| {
        let field = plan.writes.iter().find(|f| f.name == name);
        match field.map(|f| f.logical_type) {
            None => Err(format!("its {role} `{name}` is not among what it writes")),
            Some(found) if !fits(found) => Err(format!(
                "its {role} `{name}` is {found} and has to be {wanted}"
            )),
            Some(_) => Ok(()),
        }
    };
    if roles.key.is_empty() {
        return Err("its roles have no key".to_owned());
    }
    if let Some(twice) = duplicate(roles.key.iter().map(String::as_str)) {
        return Err(format!("its key has `{twice}` twice"));
    }
    for key in &roles.key {
        let wanted = "of a type with one form for each value: let it be text, or let other \
                      columns be the key that are unique and of other types";
        role("key", key, wanted, |t| t != T::Json)?;
    }
    role(
        "event-time",
        &roles.event_time,
        "timestamp(us) or timestamp(ms)",
        |t| matches!(t, T::TimestampUs | T::TimestampMs),
    )?;
    if let Some(deleted) = &roles.deleted {
        role("deleted", deleted, "boolean", |t| t == T::Boolean)?;
    }
    if let Some(truncate) = &roles.truncate {
        role("truncate column", truncate, "boolean", |t| t == T::Boolean)?;
    }
    for old in &roles.old_key {
        role("old key", old, "of the key's type", |_| true)?;
    }
    for order in &roles.order {
        role("order", order, "of a type with an order", |t| {
            t != T::Json && !t.is_decimal()
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
