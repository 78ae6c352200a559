//! Rows that the source deleted while nobody listened.

use std::sync::LazyLock;

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;
use gristmill_tests::rules::USERS_AT_MS;
use gristmill_tests::topic::Message;
use jiff::Timestamp;
use serde_json::json;

/// A row that the connector tells of; `mark`: which of its snapshot, if it is of one.
fn row(partition: i32, id: i64, seconds: i64, mark: Option<&str>) -> Message {
    let event = json!({
        "op": if mark.is_some() { "r" } else { "c" },
        "timestamp_ms": USERS_AT_MS + seconds * 1_000,
        "source": { "snapshot": mark.unwrap_or("false") },
        "after": { "user_id": id, "name": "a", "email": null, "country_code": null },
    });
    Message {
        timestamp_ms: Some(produced_ms(seconds)),
        ..Message::new(partition, event.to_string())
    }
}

/// By Kafka's time, the same in all tests: of today, so that retention leaves it.
fn produced_ms(seconds: i64) -> i64 {
    static BEGAN: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_millisecond() - 600_000);
    *BEGAN + seconds * 1_000
}

fn ids(job: &Job<'_>, only: &str) -> Result<String> {
    let sql = "select string_agg(user_id::text, ' ' order by user_id) from users_enriched";
    job.psql(&format!("{sql} {only}"))
}

/// Six rows, one of them deleted by an event; then a snapshot that lacks 2, 5 and the deleted one,
/// while 7 is made after it began.
fn told(job: &Job<'_>) -> Result<()> {
    let before = (1..=6).map(|id| row((id % 2) as i32, id, id, None));
    job.produce_done(&before.collect::<Vec<_>>())?;
    job.produce_done(&[
        row(1, 1, 100, Some("first")),
        row(1, 3, 100, Some("true")),
        row(0, 4, 100, Some("true")),
        row(0, 7, 101, None),
    ])
}

const LIST: [&str; 2] = ["missed-deletes", "users.toml"];
const DELETE: [&str; 3] = ["missed-deletes", "users.toml", "--delete"];

#[test]
fn rows_that_a_snapshot_lacks_are_found_once_it_has_ended() -> Result<()> {
    let job = Job::new("missed_deletes")?;
    let _run = job.run()?;
    job.produce_done(&[row(0, 6, 1, None)])?;
    let none = refusal(job.gristmill(&LIST))?;
    assert!(none.contains("--since"), "{none}");
    told(&job)?;
    let open = refusal(job.gristmill(&LIST))?;
    assert!(open.contains("has not ended"), "{open}");
    job.produce_done(&[row(0, 6, 102, Some("last"))])?;

    let said = job.gristmill(&LIST)?;
    let expected = ["lacks: 2\n", "\n2\n5\n", "nothing is deleted"];
    assert!(expected.iter().all(|part| said.contains(part)), "{said}");
    assert_eq!(ids(&job, "where is_deleted")?, "");
    let said = job.gristmill(&DELETE)?;
    assert!(said.contains("deleted: 2"), "{said}");
    assert_eq!(ids(&job, "where is_deleted")?, "2 5");
    assert_eq!(ids(&job, "where not is_deleted")?, "1 3 4 6 7");
    // What is newer than the snapshot brings a row back, and what came before it does not.
    job.produce_done(&[row(0, 2, 200, None), row(1, 5, 50, None)])?;
    assert_eq!(ids(&job, "where is_deleted")?, "5");
    let said = job.gristmill(&LIST)?;
    assert!(said.contains("has no row"), "{said}");
    let since = Timestamp::from_millisecond(produced_ms(1_000))?.to_string();
    let late = refusal(job.gristmill(&["missed-deletes", "users.toml", "--since", &since]))?;
    assert!(late.contains("would count as missed"), "{late}");
    Ok(())
}

#[test]
fn rows_that_are_gone_for_good_do_not_come_back_with_old_events() -> Result<()> {
    let job = Job::new("missed_deletes_hard")?;
    job.edit_pipeline(|text| text.replacen("[target]", "[target]\ndelete = \"hard\"", 1))?;
    let _run = job.run()?;
    told(&job)?;
    job.produce_done(&[row(0, 6, 102, Some("last"))])?;
    let said = job.gristmill(&DELETE)?;
    assert!(said.contains("deleted: 2"), "{said}");
    // From its own partition, and from another one.
    job.produce_done(&[row(0, 2, 1, None), row(1, 2, 1, None)])?;
    job.produce_done(&[row(0, 2, 99, None), row(1, 5, 99, None)])?;
    assert_eq!(ids(&job, "")?, "1 3 4 6 7", "{}", job.explain());
    Ok(())
}

#[test]
fn a_snapshot_of_which_a_row_is_a_dead_letter_deletes_nothing() -> Result<()> {
    let job = Job::new("missed_deletes_letters")?;
    let _run = job.run()?;
    told(&job)?;
    let unusable = r#"{"op":"r","source":{"snapshot":"last"},"after":{"user_id":"five"}}"#;
    let unusable = Message {
        timestamp_ms: Some(produced_ms(102)),
        ..Message::new(1, unusable)
    };
    job.produce_done(&[unusable])?;
    let refused = refusal(job.gristmill(&DELETE))?;
    assert!(
        refused.contains("1 records since the snapshot began"),
        "{refused}"
    );
    let since = Timestamp::from_millisecond(produced_ms(99))?.to_string();
    let since = ["missed-deletes", "users.toml", "--since", &since];
    let refused = refusal(job.gristmill(&since))?;
    assert!(refused.contains("dead letters"), "{refused}");
    Ok(())
}

#[test]
fn what_is_not_written_yet_is_not_taken_for_deleted() -> Result<()> {
    let job = Job::new("missed_deletes_lag")?;
    let run = job.run()?;
    let rows = (1..=4).map(|id| row((id % 2) as i32, id, id, None));
    job.produce_done(&rows.collect::<Vec<_>>())?;
    drop(run);
    job.produce(&[row(0, 2, 100, Some("incremental"))])?;
    let since = Timestamp::from_millisecond(produced_ms(99))?.to_string();
    let delete = [
        "missed-deletes",
        "users.toml",
        "--delete",
        "--since",
        &since,
    ];
    let refused = refusal(job.gristmill(&delete))?;
    assert!(refused.contains("has not written 1 records"), "{refused}");
    assert_eq!(ids(&job, "where is_deleted")?, "");
    Ok(())
}

/// As after a snapshot of some rows alone.
#[test]
fn more_than_half_of_a_table_goes_where_that_is_said_alone() -> Result<()> {
    let job = Job::new("missed_deletes_half")?;
    let _run = job.run()?;
    let rows = (1..=6).map(|id| row((id % 2) as i32, id, id, None));
    job.produce_done(&rows.collect::<Vec<_>>())?;
    let (first, last) = (row(0, 4, 100, Some("first")), row(0, 6, 101, Some("last")));
    job.produce_done(&[first, last])?;
    let delete = [&DELETE[..], &["--limit", "3"]].concat();
    let refused = refusal(job.gristmill(&delete))?;
    assert!(refused.contains("4 of 6 rows"), "{refused}");
    assert_eq!(ids(&job, "where is_deleted")?, "");
    let said = job.gristmill(&[&delete[..], &["--yes"]].concat())?;
    assert!(said.contains("deleted: 4"), "{said}");
    Ok(())
}
