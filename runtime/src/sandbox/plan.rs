//! A plan as a component answered it, checked and typed.

use std::collections::HashSet;

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::dead_letter::HOST_CODES;
use gristmill_core::plan::{Join, Plan, Roles};
use gristmill_core::transform::Fault;

use super::bindings::gristmill::transform::types as wit;
use super::log::printable_pairs;

/// Longest code of a rejection. 64: as long as a name in Postgres.
const CODE_MAX_BYTES: usize = 64;

/// Entries of each list in a plan. 1,600: as many columns as a table of Postgres can have. What the host does for each column of a batch and each code of a
/// rejection is not metered, so a component may not choose how much that is.
const ENTRIES_MAX: usize = 1_600;

/// Types the plan. What is wrong with it is the component's fault.
pub(super) fn check(transform: &str, plan: wit::Plan) -> Result<Plan, Fault> {
    bounded(&plan)
        .and_then(|()| typed(plan))
        .and_then(|plan| consistent(&plan).map(|()| plan))
        .map_err(|why| {
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
            "it has {entries} {list}, and {ENTRIES_MAX} are the most, which no setting changes: split the rule"
        )),
    }
}

fn typed(plan: wit::Plan) -> Result<Plan, String> {
    let joins = plan.joins.into_iter().map(|join| {
        let is_odd = |name: &&String| name.contains(char::is_control);
        if let Some(name) = join.on.iter().chain([&join.dimension]).find(is_odd) {
            return Err(format!("it joins by a name like {name:?}"));
        }
        Ok(Join {
            dimension: join.dimension,
            on: join.on,
            take: fields("takes", join.take)?,
        })
    });
    Ok(Plan {
        reads: fields("reads", plan.reads)?,
        joins: joins.collect::<Result<_, String>>()?,
        writes: fields("writes", plan.writes)?,
        roles: plan.roles.map(|roles| Roles {
            key: roles.key,
            event_time: roles.event_time,
            deleted: roles.deleted,
            order: roles.order,
        }),
        reject_codes: plan.reject_codes,
        attributes: printable_pairs(plan.attributes),
    })
}

fn fields(verb: &str, fields: Vec<wit::Field>) -> Result<Vec<Field>, String> {
    fields
        .into_iter()
        .map(|field| {
            let logical_type = field
                .logical_type
                .parse::<LogicalType>()
                .map_err(|e| format!("it {verb} `{}` with an {e}", field.name))?;
            if field.name.is_empty() || field.name.contains(char::is_control) {
                return Err(format!("it {verb} a field called {:?}", field.name));
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
            "its reject code {code:?} is not 1-{CODE_MAX_BYTES} lower-case letters, digits and hyphens"
        ));
    }
    if let Some(code) = plan.reject_codes.iter().find(|c| c.starts_with(HOST_CODES)) {
        return Err(format!(
            "its reject code `{code}` begins with `{HOST_CODES}`, as the host's own codes do: choose another"
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
        role("key", key, "of a type with one form for each value", |t| {
            !matches!(t, T::Float64 | T::Json | T::Decimal { .. })
        })?;
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
    for order in &roles.order {
        role("order", order, "of a type with an order", |t| {
            !matches!(t, T::Json | T::Decimal { .. })
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn field(name: &str, logical_type: &str) -> wit::Field {
        wit::Field {
            name: name.to_owned(),
            logical_type: logical_type.to_owned(),
            nullable: true,
        }
    }

    fn plan() -> wit::Plan {
        wit::Plan {
            reads: vec![field("value.after.id", "int64")],
            joins: vec![],
            writes: vec![
                field("id", "int64"),
                field("at", "timestamp(us)"),
                field("gone", "boolean"),
                field("price", "float64"),
                field("lsn", "decimal(20,0)"),
            ],
            roles: Some(wit::Roles {
                key: vec!["id".into()],
                event_time: "at".into(),
                deleted: Some("gone".into()),
                order: vec![],
            }),
            reject_codes: vec!["no-id".into()],
            attributes: vec![],
        }
    }

    fn roles(change: impl FnOnce(&mut wit::Roles)) -> wit::Plan {
        let mut plan = plan();
        change(plan.roles.as_mut().unwrap());
        plan
    }

    fn writes(name: &str, logical_type: &str) -> wit::Plan {
        let mut plan = plan();
        plan.writes.push(field(name, logical_type));
        plan
    }

    fn joins(dimension: &str) -> wit::Plan {
        let join = wit::Join {
            dimension: dimension.to_owned(),
            on: vec!["id".into()],
            take: vec![field("x", "text")],
        };
        wit::Plan {
            joins: vec![join],
            ..plan()
        }
    }

    fn codes(codes: &[&str]) -> wit::Plan {
        wit::Plan {
            reject_codes: codes.iter().map(|c| (*c).to_owned()).collect(),
            ..plan()
        }
    }

    #[test]
    fn as_many_reads_as_there_may_be_are_taken() {
        let mut plan = plan();
        plan.reads = vec![field("value.x", "text"); 1_600];
        assert_eq!(check("t", plan).unwrap().reads.len(), 1_600);
    }

    #[test]
    fn a_fitting_plan_is_typed() {
        let mut plan = plan();
        plan.attributes = vec![("a".into(), "\u{1b}[2J".into())];
        let plan = check("t", plan).unwrap();
        assert_eq!(plan.attributes[0].1, "\u{fffd}[2J");
        assert_eq!(plan.writes[1].logical_type, LogicalType::TimestampUs);
        assert_eq!(plan.roles.unwrap().key, ["id"]);
    }

    #[rstest]
    #[case(
        writes("x", "int32"),
        "it writes `x` with an unknown logical type `int32`"
    )]
    #[case(writes("x", "decimal(2,3)"), "the scale may not exceed the precision")]
    #[case(writes("", "text"), "a field called \"\"")]
    #[case(writes("a\0", "text"), "a field called")]
    #[case(joins("a\u{1b}[2J"), "it joins by a name like \"a\\u{1b}[2J\"")]
    #[case(writes("id", "int64"), "it writes `id` twice")]
    #[case(roles(|r| r.key.clear()), "no key")]
    #[case(roles(|r| r.key.push("id".into())), "its key has `id` twice")]
    #[case(roles(|r| r.key[0] = "uid".into()), "its key `uid` is not among")]
    #[case(roles(|r| r.key[0] = "price".into()), "its key `price` is float64")]
    #[case(roles(|r| r.event_time = "id".into()), "its event-time `id` is int64")]
    #[case(roles(|r| r.deleted = Some("at".into())), "its deleted `at` is timestamp(us)")]
    #[case(roles(|r| r.order.push("lsn".into())), "its order `lsn` is decimal(20,0)")]
    #[case(codes(&["No Id"]), "reject code \"No Id\"")]
    #[case(codes(&[""]), "reject code \"\"")]
    #[case(codes(&["transform-trapped"]), "the host's own")]
    #[case(codes(&["a", "a"]), "the reject code `a` twice")]
    #[case(codes(&["a"; 1_601]), "it has 1601 reject codes, and 1600 are the most")]
    #[case(
        wit::Plan { reads: vec![field("value.x", "text"); 1_601], ..plan() },
        "it has 1601 reads, and 1600 are the most"
    )]
    fn a_plan_that_cannot_be_is_refused(#[case] plan: wit::Plan, #[case] why: &str) {
        let Err(Fault::Lied(message)) = check("t", plan) else {
            panic!("{why}: taken")
        };
        assert!(
            message.starts_with("transform `t` ") && message.contains(why),
            "{message}"
        );
    }
}
