//! Changes of a definition that are no ordinary swap: they decide anew which event of a key is the
//! newer, or what a deleted row leaves. So they have a verb of their own, without canary and shadow
//! run, and are never taken back by themselves.

use gristmill_core::chain::Delete;
use gristmill_core::dedup::VersionKind;
use gristmill_core::plan::Roles;
use gristmill_postgres::table::filled_columns::{FilledChange, FilledColumns};

use crate::definition::pipeline::Pipeline;

/// What changes from `active` to `next` that only `gristmill evolve` may change: a sentence each.
pub fn changes(active: &Pipeline, next: &Pipeline) -> Vec<String> {
    let of_versions = versions(active.roles(), next.roles());
    let delete = |pipeline: &Pipeline| pipeline.config.target.delete;
    let of_deletes = deletes(delete(active), delete(next));
    of_versions.into_iter().chain(of_deletes).collect()
}

/// What became of the columns which the file leaves to the target's table: a sentence each.
pub fn taken_in(active: &Pipeline, next: &Pipeline) -> Vec<String> {
    if !next.is_filled() {
        return Vec::new();
    }
    // Of a revision that had them from its file only the names are compared.
    let (before, now) = (active.filled_columns(), next.filled_columns());
    let found = match before.is_empty() {
        true => names(active).changes(&names(next)),
        false => before.changes(&now),
    };
    let is_told =
        |change: &&FilledChange| !before.is_empty() || matches!(change, FilledChange::New { .. });
    found.iter().filter(is_told).map(told).collect()
}

fn names(pipeline: &Pipeline) -> FilledColumns {
    let fields = pipeline.fields().iter();
    fields.map(|field| (field.name.as_str(), "")).collect()
}

fn told(change: &FilledChange) -> String {
    match change {
        FilledChange::New { name } => format!(
            "{name} of the target's table is taken from the events from now on; what older events \
             had of it comes by a snapshot of the source"
        ),
        FilledChange::Gone { name } => {
            format!("{name} is gone from the target's table, and no longer taken from the events")
        }
        FilledChange::Type { name, before, now } => format!(
            "{name} is read as {now} from now on, and no longer as {before}: events from before \
             the source had it so are read so, too"
        ),
    }
}

fn versions(active: &Roles, next: &Roles) -> Option<String> {
    let order = |roles: &Roles| match roles.version.kind {
        VersionKind::Offset => Vec::new(),
        VersionKind::EventTime | VersionKind::OrderFirst => roles.order.clone(),
    };
    let rule = |roles: &Roles| (roles.version, order(roles));
    (rule(active) != rule(next)).then(|| {
        format!(
            "newer events are told from older ones by {}, and no longer by {}; where a row was \
             written before the change, the offset decides in its own partition and topic, and the \
             event time elsewhere",
            named(next),
            named(active)
        )
    })
}

/// What decides which event is the newer.
fn named(roles: &Roles) -> String {
    let order = roles.order.join(", ");
    let by = match (roles.version.kind, order.as_str()) {
        (VersionKind::EventTime, "") => format!("the event time ({})", roles.event_time),
        (VersionKind::EventTime, order) => {
            format!("the event time ({}), then {order}", roles.event_time)
        }
        (VersionKind::OrderFirst, order) => order.to_owned(),
        (VersionKind::Offset, _) => "the offset".to_owned(),
    };
    match roles.version.epoch {
        0 => by,
        epoch => format!("{by} of epoch {epoch}"),
    }
}

fn deletes(active: Delete, next: Delete) -> Option<String> {
    let sentence = match (active, next) {
        (Delete::Soft, Delete::Hard) => {
            "a row that is deleted from now on goes from the table; rows that say that they are \
             deleted stay until somebody removes them"
        }
        (Delete::Hard, Delete::Soft) => {
            "a row that is deleted from now on stays, and says that it is deleted; rows that are \
             gone do not come back"
        }
        _ => return None,
    };
    Some(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use gristmill_core::dedup::VersionRule;

    use super::*;

    fn roles(kind: VersionKind, epoch: u32, order: &[&str]) -> Roles {
        Roles {
            event_time: "updated_at".to_owned(),
            order: order.iter().map(|name| (*name).to_owned()).collect(),
            version: VersionRule { kind, epoch },
            ..Roles::default()
        }
    }

    #[test]
    fn another_rule_is_told_and_the_same_is_not() {
        let by_time = roles(VersionKind::EventTime, 0, &[]);
        let by_place = roles(VersionKind::OrderFirst, 0, &["lsn"]);
        assert_eq!(versions(&by_time, &by_time.clone()), None);
        let told = versions(&by_time, &by_place).unwrap();
        let expected = "by lsn, and no longer by the event time (updated_at)";
        assert!(told.contains(expected), "{told}");
        let told = versions(&by_place, &roles(VersionKind::OrderFirst, 1, &["lsn"])).unwrap();
        assert!(
            told.contains("by lsn of epoch 1, and no longer by lsn;"),
            "{told}"
        );
        let by_offset = roles(VersionKind::Offset, 0, &[]);
        let with_order = roles(VersionKind::Offset, 0, &["seq"]);
        assert_eq!(
            versions(&by_offset, &with_order),
            None,
            "offsets have no order columns"
        );
        let other = roles(VersionKind::EventTime, 0, &["seq"]);
        assert!(
            versions(&by_time, &other).is_some(),
            "other order columns are another rule"
        );
    }

    #[test]
    fn another_way_to_delete_is_told() {
        assert_eq!(deletes(Delete::Hard, Delete::Hard), None);
        assert!(deletes(Delete::Soft, Delete::Hard).is_some());
        assert!(deletes(Delete::Hard, Delete::Soft).is_some());
    }
}
