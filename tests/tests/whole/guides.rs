//! README and the guides, as they are written: every command is run, and prints what they show.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_kafka::admin::Admin;
use gristmill_tests::author::{self, bash};
use gristmill_tests::guide::{self, Guide, Needs};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::load::under_load;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Process, tail, wait_until};
use gristmill_tests::program::{gristmill, repository, success};
use gristmill_tests::topic::{self, Message};
use gristmill_tests::wait::SOON;
use rstest::rstest;
use tempfile::TempDir;

/// The rule of the guide for authors has one name wherever it is written, and so one place in the
/// folder that rules are compiled in.
static ENRICH_AGE: Mutex<()> = Mutex::new(());

/// For a first compilation on a busy machine.
const WITHIN: Duration = Duration::from_secs(300);

/// A reader's folder, with a database and a topic of its own.
struct Reader {
    folder: TempDir,
    database: &'static str,
    kafka: &'static Kafka,
    postgres: &'static Postgres,
}

impl Reader {
    /// `group` is that of the guide's pipeline.
    fn new(database: &'static str, topic: &str, group: &str) -> Result<Self> {
        let (kafka, postgres) = (Kafka::shared()?, Postgres::shared()?);
        kafka.create_topic(topic, 1, &[])?;
        postgres.create_database(database)?;
        // A broker that has just started knows no coordinator of groups for some seconds, and
        // `check` says so.
        let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
        wait_until("a coordinator", SOON, || {
            Ok(admin.check_access(group, topic).is_ok())
        })?;
        let folder = tempfile::tempdir()?;
        std::os::unix::fs::symlink(repository().join("data"), folder.path().join("data"))?;
        Ok(Self {
            folder,
            database,
            kafka,
            postgres,
        })
    }

    fn bash(&self, folder: &Path, script: &str) -> Result<Command> {
        let mut bash = bash(folder, script)?;
        bash.env("KAFKA_BOOTSTRAP", self.kafka.bootstrap())
            .env("DATABASE_URL", self.postgres.database_url(self.database));
        Ok(bash)
    }

    /// Runs a script that leaves a pipeline running, until `query` answers `rows`. The pipeline
    /// ends with what is returned; the output so far comes with it.
    fn start(&self, script: &str, query: &str, rows: &str) -> Result<(Process, String)> {
        let script = format!("trap 'jobs -p | xargs -r kill' TERM EXIT\n{script}wait\n");
        let log = self.folder.path().join("log");
        let written = std::fs::File::create(&log)?;
        let mut bash = self.bash(self.folder.path(), &script)?;
        bash.stdout(written.try_clone()?).stderr(written);
        let mut process = Process::spawn(&mut bash, "TERM")?;
        let mut ended = None;
        wait_until("what the guide leads to", WITHIN, || {
            ended = process.exit_status()?;
            let answer = self.postgres.psql(self.database, query);
            Ok(ended.is_some() || answer.is_ok_and(|answer| answer == rows))
        })
        .with_context(|| tail(&log))?;
        if let Some(status) = ended {
            bail!("the script ended with {status}:\n{}", tail(&log));
        }
        Ok((process, std::fs::read_to_string(&log)?))
    }
}

#[test]
fn every_block_is_of_a_kind_and_every_command_is_run() -> Result<()> {
    let unrun = guide::unrun()?;
    assert!(
        unrun.is_empty(),
        "named, and in no block that is run: {unrun:#?}"
    );
    Ok(())
}

#[test]
fn readme_shows_what_the_demo_prints() -> Result<()> {
    let readme = Guide::read("README.md")?;
    let printed = success(Command::new(gristmill()?).arg("demo").output()?)?;
    let mut lines = printed.lines().map(str::trim_end);
    for shown in readme.sample("text demo")?.lines() {
        assert!(
            lines.any(|line| line == shown),
            "no {shown:?} in\n{printed}"
        );
    }
    Ok(())
}

#[test]
fn readme_leads_to_a_table() -> Result<()> {
    let reader = Reader::new("readme", "users_cdc_readme", "gristmill-users_readme")?;
    // A topic and a group of its own: another guide uses the same names.
    let script = Guide::read("README.md")?.script(&[Needs::Servers]);
    let script = script.replace("users_cdc", "users_cdc_readme");
    let script = script.replace("name = \"users\"", "name = \"users_readme\"");
    let query = "select string_agg(name, ', ' order by user_id) from users";
    reader.start(&script, query, "Daniel J. Kim, Priya Nair, Elena Fischer")?;
    Ok(())
}

#[test]
fn readme_has_a_rule_that_works() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = Guide::read("README.md")?.script(&[Needs::Author]);
    let events = repository().join("data/sample_events.json");
    let script = format!("{script}gristmill try . --on {}\n", events.display());
    let printed = success(bash(folder.path(), &script)?.output()?)?;
    for shown in [
        r#"email_domain                             "contoso.com""#,
        r#""gmail.com""#,
    ] {
        let shown: Vec<&str> = shown.split_whitespace().collect();
        let is_shown = |line: &str| shown.iter().all(|word| line.contains(word));
        assert!(printed.lines().any(is_shown), "no {shown:?} in\n{printed}");
    }
    Ok(())
}

#[test]
fn a_new_rules_own_readme_works_as_it_is_written() -> Result<()> {
    let (_folder, rule) = author::new_rule("own-readme")?;
    let script = Guide::read("runtime/template/rust/common/README.md")?.script(&[Needs::Author]);
    let output = success(bash(&rule, &script)?.output()?)?;
    for line in [
        "ok       cases/first.json",
        r#"short_name                 "Bartholo""#,
        "dead letter (transform:own-readme, blank-name): `name` is blank",
        "writes\n  short_name  text",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    // Of the rule and of one that does nothing.
    for figure in [
        "ns a row",
        "rows a second, one core",
        "memory of an instance",
    ] {
        let figures = output.lines().find_map(|line| line.strip_prefix(figure));
        let words = figures.context(figure)?.split_whitespace();
        let numbers = words.filter_map(|word| word.replace(',', "").parse::<f64>().ok());
        let numbers: Vec<f64> = numbers.collect();
        assert!(
            numbers.len() == 2 && numbers.iter().all(|number| *number > 0.0),
            "{figure}: {numbers:?} in\n{output}"
        );
    }
    Ok(())
}

#[test]
fn installing_ends_with_a_program_that_says_its_version() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = Guide::read("docs/start/install.md")?.script(&[Needs::Author]);
    let output = success(bash(folder.path(), &script)?.output()?)?;
    assert!(
        output.starts_with("gristmill ") && output.contains("Usage:"),
        "{output}"
    );
    Ok(())
}

#[test]
fn the_first_pipeline_runs_and_is_operated_as_the_guides_say() -> Result<()> {
    let reader = Reader::new("first_pipeline", "users_cdc", "gristmill-users")?;
    let first = Guide::read("docs/start/first-pipeline.md")?;
    let script = first.script(&[Needs::Servers]);
    let query = "select (select count(*) from users), (select count(*) from gristmill.dead_letter)";
    let (_running, printed) = reader.start(&script, query, "2|1")?;
    assert!(printed.contains("ready to run"), "{printed}");
    let pages = ["docs/guides/dead-letters.md", "docs/guides/operate.md"];
    let pages: Result<Vec<Guide>> = pages.iter().map(|page| Guide::read(page)).collect();
    for guide in [first].iter().chain(&pages?) {
        let script = guide.script(&[Needs::Running]);
        let printed = success(reader.bash(reader.folder.path(), &script)?.output()?)?;
        shows(guide, &printed)?;
    }
    let letter = std::fs::read_to_string(reader.folder.path().join("letter.json"))?;
    assert!(letter.contains("unknown-op"), "{letter}");
    Ok(())
}

/// Of a table that has none of gristmill's columns, whose rows are older than what comes.
#[test]
fn a_table_is_changed_over_as_the_guide_says() -> Result<()> {
    let reader = Reader::new("change_guard", "users_cdc_guard", "gristmill-users_guard")?;
    let psql = |sql: &str| reader.postgres.psql(reader.database, sql);
    psql(
        "create table users (user_id bigint primary key, name text, email text, \
         email_domain text, is_corporate boolean, is_deleted boolean, \
         updated_at timestamptz not null)",
    )?;
    let first = Guide::read("docs/start/first-pipeline.md")?.script(&[Needs::Servers]);
    let first = first.replace("users_cdc", "users_cdc_guard");
    let first = first.replace("name = \"users\"", "name = \"users_guard\"");
    let (_running, _) = reader.start(&first, "select count(*) from users", "2")?;
    let guide = Guide::read("docs/guides/change-the-guard.md")?.script(&[Needs::Running]);
    let changed = success(reader.bash(reader.folder.path(), &guide)?.output()?)?;
    assert!(changed.contains("revision 2 is active"), "{changed}");
    let events = [
        r#"{"op":"u","after":{"user_id":101,"name":"older"},"timestamp_ms":1726531200000}"#,
        r#"{"op":"u","after":{"user_id":202,"name":"newer"},"timestamp_ms":1726531300000}"#,
    ];
    let events = events.map(|event| Message::new(0, event.to_owned()));
    topic::write(&reader.kafka.bootstrap(), "users_cdc_guard", &events)?;
    let rows = "select string_agg(name || gristmill.offset_of(_gm_version), ',' order by user_id) \
                from users";
    wait_until("the newer event", SOON, || {
        Ok(psql(rows)? == "Daniel J. Kim-1,newer6")
    })
    .with_context(|| psql(rows).unwrap_or_default())?;
    Ok(())
}

#[test]
fn a_topic_of_debezium_becomes_a_table_as_the_guide_says() -> Result<()> {
    let reader = Reader::new("mirror", "app.public.customers", "gristmill-customers")?;
    let guide = Guide::read("docs/guides/debezium.md")?;
    let script = guide.script(&[Needs::Servers]);
    let query = "select string_agg(name, ', ' order by user_id) from customers";
    let (_running, printed) = reader.start(&script, query, "Daniel J. Kim, Elena Fischer")?;
    for line in [
        "written  ./guessed.toml",
        "the records have no schemas, so types are guesses",
        "balance: a guess: may be bytea, or numeric(p,s) with json_decimals",
        "written  ./customers.sql",
        "ready to run",
    ] {
        assert!(printed.contains(line), "no {line:?} in\n{printed}");
    }
    let written = std::fs::read_to_string(reader.folder.path().join("customers.toml"))?;
    let written = written.replace(&reader.kafka.bootstrap(), "localhost:9092");
    let code = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.split(" #").next().unwrap_or(line).trim_end());
        let code = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        code.map(str::to_owned).collect()
    };
    assert_eq!(code(&written), code(guide.sample("toml")?));
    let running = guide.script(&[Needs::Running]);
    let printed = success(reader.bash(reader.folder.path(), &running)?.output()?)?;
    let taken_in = "country of the target's table is taken from the events";
    assert!(printed.contains(taken_in), "{printed}");
    shows(&guide, &printed)
}

#[test]
fn the_topics_of_a_database_become_tables_as_the_guide_says() -> Result<()> {
    let reader = Reader::new(
        "whole_database",
        "shop.public.users",
        "gristmill-shop.{table}",
    )?;
    for topic in ["shop.public.orders", "shop.public.items"] {
        reader.kafka.create_topic(topic, 1, &[])?;
    }
    let guide = Guide::read("docs/guides/whole-database.md")?;
    let script = guide.script(&[Needs::Servers]);
    let query = "select name || (select total from replica.orders) from replica.users";
    let (_running, printed) = reader.start(&script, query, "Daniel Kim12")?;
    for line in [
        "shop.orders: mirror.toml: ready to run",
        "added gristmill's columns",
    ] {
        assert!(printed.contains(line), "no {line:?} in\n{printed}");
    }
    let running = guide.script(&[Needs::Running]);
    let printed = success(reader.bash(reader.folder.path(), &running)?.output()?)?;
    for line in [
        "a lamp",
        "shop.items   1 running",
        "pipeline shop.users: shop.public.users -> replica.users, run 1",
        "the pipeline shop.users is paused: 1 of 1 partitions have followed",
        "the pipeline shop.users is resumed: 1 of 1 partitions have followed",
    ] {
        assert!(printed.contains(line), "no {line:?} in\n{printed}");
    }
    Ok(())
}

#[test]
fn the_users_pipeline_in_sql_runs_and_changes_as_the_guide_says() -> Result<()> {
    let reader = Reader::new("in_sql", "users_cdc_in_sql", "gristmill-users_in_sql")?;
    let guide = Guide::read("docs/guides/rules-in-sql.md")?;
    let own = |script: String| {
        script
            .replace("users_cdc", "users_cdc_in_sql")
            .replace("name = \"users\"", "name = \"users_in_sql\"")
    };
    let script = own(guide.script(&[Needs::Author, Needs::Servers]));
    let query = "select string_agg(name, ', ' order by user_id) from users";
    let (_running, printed) =
        reader.start(&script, query, "Daniel J. Kim, Priya Nair, Elena Fischer")?;
    for line in [
        "dead letter (transform:sql, no-at): `email not like '%@%'` is true: email = 'nobody'",
        "is_corporate  boolean  not null",
        "ready to run",
    ] {
        assert!(printed.contains(line), "no {line:?} in\n{printed}");
    }
    let running = own(guide.script(&[Needs::Running]));
    shows(
        &guide,
        &success(reader.bash(reader.folder.path(), &running)?.output()?)?,
    )
}

#[test]
fn places_in_a_log_are_told_as_the_guide_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let guide = Guide::read("docs/guides/versions-and-deletes.md")?;
    let script = guide.script(&[Needs::Author]);
    shows(&guide, &success(bash(folder.path(), &script)?.output()?)?)
}

#[test]
fn a_rule_is_written_as_the_guide_says() -> Result<()> {
    let _alone = ENRICH_AGE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let script = Guide::read("docs/guides/write-a-rule.md")?.script(&[Needs::Author]);
    let output = success(bash(folder.path(), &script)?.output()?)?;
    for line in [
        "written  cases/first.json",
        r#"{"age": 36, "is_adult": true}"#,
        r#"{"age": null, "is_adult": null}"#,
        r#"{"row": 3, "code": "unborn", "message": "`birth_year` is after 2026"}"#,
        "ok       cases/first.json",
        // try . --on events.json, then the whole pipeline.
        "dead letter (transform:enrich-age, unborn): `birth_year` is after 2026",
        "dead letter (transform:normalize-cdc, unknown-op)",
        "rows a second, one core",
        "birth_year  int64",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    Ok(())
}

#[rstest]
#[case("python", "rules-in-python.md")]
#[case("js", "rules-in-javascript.md")]
#[case("c", "rules-in-c.md")]
fn a_rule_in_another_language_is_written_as_its_guide_says(
    #[case] language: &str,
    #[case] page: &str,
) -> Result<()> {
    let _alone = author::tools(language)?;
    let folder = tempfile::tempdir()?;
    let script = Guide::read(&format!("docs/guides/{page}"))?.script(&[Needs::Author]);
    let output = success(bash(folder.path(), &script)?.output()?)?;
    for line in [
        "written  cases/first.json",
        "ok       cases/first.json",
        "rows a second, one core",
        "birth_year  int64",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    let case = std::fs::read_to_string(folder.path().join("enrich-age/cases/first.json"))?;
    for answer in [
        r#"{"age": 36, "is_adult": true}"#,
        r#"{"age": null, "is_adult": null}"#,
        r#"{"row": 2, "code": "unborn", "message": "`birth_year` is after 2026"}"#,
    ] {
        assert!(case.contains(answer), "no {answer:?} in\n{case}");
    }
    Ok(())
}

#[test]
fn a_written_rule_leads_to_a_row_in_the_table_and_to_another_rule_and_back() -> Result<()> {
    let _alone = ENRICH_AGE.lock().unwrap_or_else(PoisonError::into_inner);
    let reader = Reader::new("people", "people_cdc", "gristmill-people")?;
    let script = Guide::read("docs/guides/write-a-rule.md")?;
    let script = script.script(&[Needs::Author, Needs::Servers]);
    let query = "select user_id, age, is_adult, code from people, gristmill.dead_letter";
    let (_running, tried) = reader.start(&script, query, "1|36|t|unborn")?;
    assert!(
        tried.contains("people_cdc/0/1\n  dead letter (transform:enrich-age, unborn)"),
        "{tried}"
    );

    let rule = reader.folder.path().join("enrich-age");
    let change = Guide::read("docs/guides/change-a-rule.md")?;
    let mut swaps = reader.bash(&rule, &change.script(&[Needs::Running]))?;
    let mut ids = (1_000..).step_by(200);
    let bootstrap = reader.kafka.bootstrap();
    let write = || {
        let first = ids.next().context("an id")?;
        topic::write(&bootstrap, "people_cdc", &people(first..first + 200))
    };
    let output = success(under_load(write, || Ok(swaps.output()?))?)?;
    for line in [
        "revision 2 is active",
        "swap enrich-age enrich-age.wasm",
        "revision 3 is active; 2 was before it",
        "is staged and ready",
        "is given up; revision 3 stays active",
        "of 1 partitions run it",
        "transform:enrich-age  unborn",
        "written  cases/letter.json",
        "1 replayed, 0 still cannot be used",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    shows(&change, &output)?;
    let letter = std::fs::read_to_string(rule.join("cases/letter.json"))?;
    assert!(letter.contains(r#""config": {"year": 2026}"#), "{letter}");
    let psql = |query| reader.postgres.psql(reader.database, query);
    assert_eq!(psql("select age from people where user_id = 2")?, "0");
    let year = "select t -> 'config' ->> 'year' from gristmill.pipeline p join gristmill.revision \
                r on r.pipeline = p.pipeline and r.revision = p.active_revision, \
                jsonb_array_elements(r.spec -> 'transforms') t where t ->> 'name' = 'enrich-age'";
    assert_eq!(psql(year)?, "2027");
    Ok(())
}

/// An error unless the commands of `guide` printed what it shows. Tables of psql end their lines
/// with spaces, which a document has not.
fn shows(guide: &Guide, printed: &str) -> Result<()> {
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let printed = lines.join("\n");
    for shown in guide.outputs() {
        anyhow::ensure!(printed.contains(shown), "no\n{shown}in\n{printed}");
    }
    Ok(())
}

/// So many people more than the guide's.
fn people(ids: Range<i32>) -> Vec<Message> {
    let person = |id: i32| {
        let row = format!(r#"{{"user_id":{id},"birth_year":1990}}"#);
        let event = format!(r#"{{"op":"c","after":{row},"timestamp_ms":1726531200000}}"#);
        Message::new(0, event)
    };
    ids.map(person).collect()
}
