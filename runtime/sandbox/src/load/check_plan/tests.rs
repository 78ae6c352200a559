//! Plans that components may answer with: typed, or refused with one sentence.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
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
            field("tags", "json"),
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
#[case(writes(&"a".repeat(1_025), "text"), "aaa\", and a name has 1-1024 bytes")]
#[case(writes("x", "\u{1b}[2J"), "an unknown logical type `\u{fffd}[2J`")]
#[case(joins(&"a".repeat(1_025)), "aaa\", and a name has 1-1024 bytes")]
#[case(joins("a\u{1b}[2J"), "it joins by a name like \"a\\u{1b}[2J\"")]
#[case(writes("id", "int64"), "it writes `id` twice")]
#[case(roles(|r| r.key.clear()), "no key")]
#[case(roles(|r| r.key.push("id".into())), "its key has `id` twice")]
#[case(roles(|r| r.key[0] = "uid".into()), "its key `uid` is not among")]
#[case(roles(|r| r.key[0] = "tags".into()), "its key `tags` is json")]
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

/// Mostly one that fits somewhere.
fn name() -> impl Strategy<Value = String> {
    let known = select(vec!["id", "at", "gone", "price", "value.x"]);
    prop_oneof![20 => known.prop_map(str::to_owned), 1 => ".{0,9}", 1 => "a{1023,1025}"]
}

fn fields() -> impl Strategy<Value = Vec<wit::Field>> {
    let types = [
        "int64",
        "timestamp(us)",
        "boolean",
        "text",
        "json",
        "decimal(3,2)",
        "decimal(2,3)",
    ];
    let types = prop_oneof![20 => select(types.to_vec()).prop_map(str::to_owned), 1 => ".{0,9}"];
    let field =
        (name(), types, any::<bool>()).prop_map(|(name, logical_type, nullable)| wit::Field {
            name,
            logical_type,
            nullable,
        });
    vec(field, 0..5)
}

fn roles_of_any_kind() -> impl Strategy<Value = wit::Roles> {
    let names = || vec(name(), 0..3);
    (names(), name(), option::of(name()), names()).prop_map(|(key, event_time, deleted, order)| {
        wit::Roles {
            key,
            event_time,
            deleted,
            order,
        }
    })
}

fn any_plan() -> impl Strategy<Value = wit::Plan> {
    let join = (name(), vec(name(), 0..3), fields());
    let join = join.prop_map(|(dimension, on, take)| wit::Join {
        dimension,
        on,
        take,
    });
    let codes =
        prop_oneof![9 => select(vec!["a", "no-id", "b-2"]).prop_map(str::to_owned), 1 => ".{0,9}"];
    let attributes = vec((".{0,9}", ".{0,9}"), 0..3);
    let lists = (
        fields(),
        vec(join, 0..2),
        fields(),
        vec(codes, 0..3),
        attributes,
    );
    (lists, option::of(roles_of_any_kind())).prop_map(
        |((reads, joins, writes, reject_codes, attributes), roles)| wit::Plan {
            reads,
            joins,
            writes,
            roles,
            reject_codes,
            attributes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_plan_is_refused_in_a_line_or_consistent(answered in any_plan()) {
        let plan = match check("t", answered) {
            Ok(plan) => plan,
            Err(fault) => {
                let why = fault.to_string();
                prop_assert!(why.starts_with("transform `t` ") && why.len() < 2_200, "{why}");
                prop_assert!(!why.contains(|c: char| c.is_control() && c != '\t'), "{why:?}");
                return Ok(());
            }
        };
        let taken = plan.joins.iter().flat_map(|join| &join.take);
        for field in plan.reads.iter().chain(taken).chain(&plan.writes) {
            prop_assert!(is_name(&field.name));
        }
        let named = |name: &String| plan.writes.iter().filter(|f| f.name == *name).count();
        prop_assert!(plan.writes.iter().all(|field| named(&field.name) == 1));
        if let Some(roles) = &plan.roles {
            let columns = roles.key.iter().chain(&roles.order).chain(&roles.deleted);
            prop_assert!(columns.chain([&roles.event_time]).all(|column| named(column) == 1));
            prop_assert!(!roles.key.is_empty());
        }
        prop_assert!(plan.reject_codes.iter().all(|code| is_code(code)));
    }
}
