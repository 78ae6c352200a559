//! What a rule reads and no event has: it may be spelt otherwise.

use std::collections::BTreeSet;

use gristmill_core::suggest::did_you_mean;
use serde_json::Value;

/// A sentence for each of the columns `reads` that none of the `rows` has.
pub(super) fn of_rows<'a>(reads: impl Iterator<Item = &'a String>, rows: &[&Value]) -> Vec<String> {
    let names = rows.iter().filter_map(|row| row.as_object());
    let known: BTreeSet<&str> = names.flatten().map(|(name, _)| name.as_str()).collect();
    let list = known.iter().copied().collect::<Vec<_>>().join(", ");
    let say = |name: &String| {
        let near = did_you_mean(name, known.iter().copied());
        format!("the rule reads `{name}`, which none of these events has{near}: they have {list}")
    };
    let unread = reads.filter(|name| !known.contains(name.as_str()));
    unread.map(say).collect()
}

/// A sentence for each of the document paths `reads` of which none of the `documents` has the last
/// name, though some have the object that it is in.
pub(super) fn of_documents<'a>(
    reads: impl Iterator<Item = &'a String>,
    documents: &[Value],
) -> Vec<String> {
    let say = |path: &String| {
        let (above, name) = path.rsplit_once('.')?;
        let objects = documents.iter().filter_map(|document| {
            let mut names = above.split('.');
            names
                .try_fold(document, |at, name| at.get(name))?
                .as_object()
        });
        let known: BTreeSet<&str> = objects.flatten().map(|(name, _)| name.as_str()).collect();
        if known.is_empty() || known.contains(name) {
            return None;
        }
        let near = did_you_mean(name, known.iter().copied());
        let list = known.into_iter().collect::<Vec<_>>().join(", ");
        Some(format!(
            "the rule reads `{path}`, which none of these events has{near}: in `{above}` they \
             have {list}"
        ))
    };
    reads.filter_map(say).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_missed_where_its_object_is_there() {
        let reads = ["value.after.name", "value.after.emial", "value.before.id"].map(str::to_owned);
        let documents = [
            json!({"value": {"before": null, "after": {"name": "a"}}}),
            json!({"value": {"after": {"email": "b"}}}),
        ];
        let said = of_documents(reads.iter(), &documents);
        assert_eq!(
            said,
            [
                "the rule reads `value.after.emial`, which none of these events has (did you mean \
                 `email`?): in `value.after` they have email, name"
            ]
        );
        let row = json!({"name": null});
        assert!(of_rows(["name".to_owned()].iter(), &[&row]).is_empty());
    }
}
