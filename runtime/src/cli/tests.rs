//! Snapshots of what the command line prints: each help text, and each table from values made by
//! hand.

use std::path::Path;

use clap::{Command as ClapCommand, CommandFactory as _};
use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::{Map, json};

use super::dead_letters_command::{render_detail, render_list};
use super::out::Out;
use super::produce_command::render as render_sent;
use super::status_command::render as render_status;
use super::transform::{
    render_bench, render_history, render_inspect, render_replay, render_verdict,
};
use super::{Cli, difference_text, progress_text, try_command};
use gristmill_sandbox::HeardLine;

use crate::authoring::bench::{Benchmark, Measured};
use crate::authoring::golden::{Mismatch, Verdict};
use crate::authoring::inspect::{ColumnFact, Inspection, JoinFact, PlanFacts, PlanSaid, RoleFacts};
use crate::fleet::difference::Difference;
use crate::ops::change_progress::{Progress, Spread};
use crate::ops::letter_list::{LetterDetail, LetterList, LetterSummary, RecordBytes};
use crate::ops::produce::Sent;
use crate::ops::revisions::{Past, PastActivation, PastRevision, RowsOfRevision, StagedRevision};
use crate::ops::status::{MissingOffsets, PartitionStatus, RunState, Staged, Status};
use crate::ops::traffic_replay::TrafficReplayed;
use crate::ops::try_events::{TriedEvent, TriedLetter};

const FILE: &str = "users.toml";

/// What a renderer writes.
fn rendered(render: impl FnOnce(Out<'_>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A command's long help and those of all below it, as a terminal of 100 columns shows them.
fn add_helps(command: &mut ClapCommand, name: &str, all: &mut Vec<(String, String)>) {
    all.push((name.to_owned(), command.render_long_help().to_string()));
    for below in command.get_subcommands_mut().filter(|c| !c.is_hide_set()) {
        if below.get_name() != "help" {
            let name = format!("{name} {}", below.get_name());
            add_helps(below, &name, all);
        }
    }
}

#[test]
fn every_help_text() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut all = Vec::new();
    add_helps(&mut command, "gristmill", &mut all);
    assert!(all.len() > 20, "{}", all.len());
    for (name, help) in all {
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        assert_snapshot!(format!("help {name}").replace(' ', "_"), help.join("\n"));
    }
}

fn partition(partition: i32, state: RunState) -> PartitionStatus {
    PartitionStatus {
        topic: "users_cdc".to_owned(),
        partition,
        state,
        reason: None,
        still_seconds: None,
        next_offset: Some(1_200),
        lag: Some(0),
        hidden: Some(0),
        behind_seconds: Some(0),
        event_time_us: Some(1_726_531_200_000_000),
        records: 1_200,
        rows: 1_100,
        superseded: 90,
        late: 3,
        dead_letters: 10,
        owner: "host-a/17".to_owned(),
        left_out_until: None,
    }
}

fn status() -> Status {
    let unknown = PartitionStatus {
        lag: None,
        hidden: Some(0),
        behind_seconds: None,
        event_time_us: None,
        still_seconds: Some(40),
        ..partition(1, RunState::NotRunning)
    };
    let halted = PartitionStatus {
        reason: Some("the table users_enriched has no column name".to_owned()),
        lag: Some(800),
        hidden: Some(0),
        behind_seconds: Some(61),
        ..partition(2, RunState::Halted)
    };
    let waiting = PartitionStatus {
        reason: Some("postgres has not done a flush for 4 s and longer".to_owned()),
        still_seconds: Some(12),
        ..partition(3, RunState::Waiting)
    };
    let paused = PartitionStatus {
        reason: Some("paused by ann@host (app) at 2026-01-01 00:00:00 UTC: an index".to_owned()),
        ..partition(4, RunState::Paused)
    };
    let gap = MissingOffsets {
        topic: "users_cdc".to_owned(),
        partition: 2,
        from_offset: 1_200,
        to_offset: 1_500,
        cause: "retention".to_owned(),
        accepted_by: None,
    };
    Status {
        pipeline: "users".to_owned(),
        topic: "users_cdc".to_owned(),
        table: "users_enriched".to_owned(),
        run: 1,
        revision: 4,
        file_differs: true,
        staged: Some(Staged {
            revision: 5,
            canary: Some(0),
            is_shadowed: false,
        }),
        processes: 1,
        waiting: None,
        notices: Vec::new(),
        partitions: vec![
            partition(0, RunState::Running),
            unknown,
            halted,
            waiting,
            paused,
        ],
        gaps: vec![gap],
        letters_waiting: 7,
        letters_topic: None,
        lag_unknown: vec!["kafka at localhost:1 cannot be reached".to_owned()],
    }
}

#[test]
fn status_table() {
    let shown = rendered(|out| render_status(&status(), Path::new(FILE), out));
    assert_snapshot!(shown);
    let relayed = Status {
        letters_topic: Some("users_dlq".to_owned()),
        partitions: Vec::new(),
        gaps: Vec::new(),
        lag_unknown: Vec::new(),
        ..status()
    };
    let shown = rendered(|out| render_status(&relayed, Path::new(FILE), out));
    assert!(
        shown.ends_with("7 dead letters wait for their topic users_dlq\n"),
        "{shown}"
    );
}

#[test]
fn history_table() {
    let at = |seconds| Timestamp::from_second(1_726_531_200 + seconds).unwrap();
    let revision = |revision, state: &str, why: &str| PastRevision {
        revision,
        state: state.to_owned(),
        made: at(i64::from(revision)),
        by: "ann@laptop".to_owned(),
        session_user: (revision > 1).then(|| "app".to_owned()),
        why: why.to_owned(),
    };
    let past = Past {
        revisions: vec![
            revision(1, "retired", "first start"),
            revision(2, "active", "swap enrich-email new.wasm"),
            revision(3, "staged", "swap enrich-email newer.wasm"),
        ],
        staged: Some(StagedRevision {
            revision: 3,
            canary: Some(0),
        }),
        activations: vec![PastActivation {
            topic: "users_cdc".to_owned(),
            partition: 0,
            from_offset: 17,
            revision: 2,
            since: at(9),
            by: "host-a/17".to_owned(),
        }],
        rows: Some(vec![RowsOfRevision {
            revision: 2,
            rows: 1_234,
        }]),
    };
    assert_snapshot!(rendered(|out| render_history(&past, Path::new(FILE), out)));
}

fn letter() -> LetterSummary {
    LetterSummary {
        id: "users_cdc/0/17/1".parse().unwrap(),
        state: "new",
        stage: "transform:normalize-cdc".to_owned(),
        code: "unknown-op".to_owned(),
        message: "`op` is \"x\"".to_owned(),
        revision: 2,
        bytes: 120,
    }
}

#[test]
fn dead_letters_table() {
    let list = LetterList {
        letters: vec![letter()],
        all: 3,
    };
    assert_snapshot!("dead_letters_list", rendered(|out| render_list(&list, out)));
    let none = LetterList {
        letters: Vec::new(),
        all: 0,
    };
    assert_eq!(rendered(|out| render_list(&none, out)), "no dead letters\n");
    let detail = LetterDetail {
        summary: letter(),
        component: Some("ab12".to_owned()),
        attempts: 1,
        at_us: 1_726_531_200_000_000,
        record_at_ms: None,
        headers: vec![("source".to_owned(), Some(RecordBytes::from(b"db".to_vec())))],
        key: None,
        value: Some(RecordBytes::from(b"\xff\x00".to_vec())),
    };
    assert_snapshot!(
        "dead_letters_show",
        rendered(|out| render_detail(&detail, out))
    );
    let value = json!(detail);
    assert_eq!(value["id"], "users_cdc/0/17/1");
    assert_eq!(value["value"]["binary"]["length"], 2);
}

fn column(name: &str, logical_type: &str, nullable: bool) -> ColumnFact {
    ColumnFact {
        name: name.to_owned(),
        logical_type: logical_type.to_owned(),
        nullable,
    }
}

fn inspection(plan: PlanSaid) -> Inspection {
    let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    Inspection {
        name: "enrich-age".to_owned(),
        version: "0.1.0".to_owned(),
        summary: "Adds the age".to_owned(),
        size_bytes: 123_456,
        digest: "ab12".to_owned(),
        exports: texts(&["gristmill:transform/transform@0.1.0"]),
        imports: texts(&["gristmill:transform/log@0.1.0"]),
        attributes: vec![("licence".to_owned(), "MIT".to_owned())],
        limits: Map::from_iter([("memory_max_bytes".to_owned(), json!(67_108_864))]),
        config_schema: Some(json!({"type": "object"})),
        plan,
    }
}

#[test]
fn inspect_table() {
    let plan = PlanFacts {
        reads: vec![column("value.after", "json", true)],
        joins: vec![JoinFact {
            dimension: "countries".to_owned(),
            on: vec!["country_code".to_owned()],
            take: vec![column("country_name", "text", true)],
        }],
        writes: vec![
            column("user_id", "int64", false),
            column("age", "int64", true),
        ],
        roles: Some(RoleFacts {
            key: vec!["user_id".to_owned()],
            event_time: "updated_at".to_owned(),
            deleted: None,
            order: Vec::new(),
        }),
        reject_codes: vec!["unborn".to_owned()],
        attributes: vec![("note".to_owned(), "none".to_owned())],
    };
    let whole = inspection(PlanSaid::Plan(Box::new(plan)));
    assert_snapshot!("inspect", rendered(|out| render_inspect(&whole, out)));
    let why = "missing field `year`".to_owned();
    let bare = inspection(PlanSaid::NeedsConfig { why });
    assert_snapshot!(
        "inspect_without_config",
        rendered(|out| render_inspect(&bare, out))
    );
}

#[test]
fn bench_table() {
    let measured = |nanoseconds_per_row, memory_bytes| Measured {
        nanoseconds_per_row,
        memory_bytes,
    };
    let benchmark = Benchmark {
        rule: "enrich-age".to_owned(),
        rows: 1_000,
        different_rows: 12,
        failed_rows: 2,
        why: Some("it did not end".to_owned()),
        measured: measured(123.4, 1_179_648),
        empty: measured(20.0, 1_114_113),
    };
    assert_snapshot!(rendered(|out| render_bench(&benchmark, out)));
}

fn difference() -> Difference {
    let key = |id: i64| Map::from_iter([("user_id".to_owned(), json!(id))]);
    let mut difference = Difference::default();
    difference.compare(&key(1), vec![("age".to_owned(), json!(36), json!(37))]);
    difference.compare(&key(2), Vec::new());
    difference.goes(&key(4));
    difference.comes(&key(5));
    difference.letter_comes("unborn", 17, "so young");
    difference.replaced = 2;
    difference
}

#[test]
fn replay_table() {
    let replayed = TrafficReplayed {
        topic: "users_cdc".to_owned(),
        partition: 0,
        from_offset: 0,
        to_offset: 10_000,
        records: 9_998,
        rule: "enrich-age".to_owned(),
        component: "new.wasm".to_owned(),
        active: Some(3),
        difference: difference(),
    };
    assert_snapshot!(rendered(|out| render_replay(&replayed, out)));
    let same = difference_text::text(&Difference::default(), "table has", "rule gives");
    assert_eq!(same, "0  rows compared\n0  of them differ");
}

#[test]
fn each_step_of_a_change() {
    let steps = [
        Progress::Staging,
        Progress::Retired {
            columns: vec!["age".to_owned()],
        },
        Progress::Replaced { revision: 3 },
        Progress::Comparing {
            active: 2,
            rows: 50,
        },
        Progress::Compared { done: 7, rows: 50 },
        Progress::Differs {
            active: 2,
            revision: 4,
            difference: difference(),
        },
        Progress::Activated {
            revision: 4,
            before: 2,
        },
        Progress::CanaryBegun {
            partition: 0,
            revision: 4,
            active: 2,
        },
        Progress::GivenUp {
            revision: 4,
            active: 2,
        },
    ];
    let path = Path::new(FILE);
    let shown = rendered(|out| {
        for step in &steps {
            progress_text::step(step, path, out)?;
        }
        progress_text::same(2, out)?;
        for running in [3, 4] {
            let partitions = 4;
            progress_text::spread(
                Spread {
                    running,
                    partitions,
                },
                path,
                out,
            )?;
        }
        Ok(())
    });
    assert_snapshot!(shown);
    assert_eq!(
        json!(steps[6]),
        json!({"step": "activated", "revision": 4, "before": 2})
    );
}

#[test]
fn each_verdict_on_a_case() {
    let verdicts = [
        Verdict::Ok,
        Verdict::Written,
        Verdict::NothingExpected,
        Verdict::Failed {
            why: "row 0 fails".to_owned(),
        },
        Verdict::Differs {
            mismatches: vec![Mismatch {
                row: None,
                column: "(source_rows)".to_owned(),
                expected: "[0]".to_owned(),
                got: "[1]".to_owned(),
            }],
        },
    ];
    let shown = rendered(|out| {
        let case =
            |verdict| render_verdict("cases/first.json", "Shows it", verdict, &[], &mut *out);
        verdicts.iter().try_for_each(case)
    });
    assert_snapshot!(shown);
}

#[test]
fn tried_events_and_what_was_sent() {
    let event = TriedEvent {
        place: "events.json:3".to_owned(),
        before: Some(json!({"name": "Ann"})),
        rows: vec![json!({"name": "Ann", "age": 36})],
        dead_letters: vec![TriedLetter {
            stage: "transform:enrich-age".to_owned(),
            code: "unborn".to_owned(),
            message: "so young".to_owned(),
        }],
        log: vec![HeardLine {
            transform: "enrich-age".to_owned(),
            level: "info",
            message: "one row".to_owned(),
        }],
    };
    let columns = ["name".to_owned(), "age".to_owned()];
    assert_snapshot!("try", try_command::text(&columns, &event));
    let sent = Sent {
        topic: "users_cdc".to_owned(),
        events: 1_000,
        bytes: 234_567,
        seconds: 0.5,
    };
    let shown = rendered(|out| render_sent(&sent, out));
    assert_eq!(
        shown,
        "1000 events (0.2 MB) to `users_cdc` in 0.5 s: 2000 events/s\n"
    );
}
