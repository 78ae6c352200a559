//! Several pipelines in one process.

use std::path::Path;

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::program::printed;
use gristmill_tests::topic::{self, Message};

/// A job whose file names its database itself, so that another job's process can run it.
fn named(name: &str) -> Result<Job<'static>> {
    let job = Job::new(name)?;
    let url = job.postgres.database_url(name);
    job.edit_pipeline(|text| {
        let variable = text
            .split('"')
            .find(|part| part.starts_with("${DATABASE_URL"));
        text.replace(variable.unwrap_or_default(), &url)
    })?;
    Ok(job)
}

#[test]
fn two_files_run_in_one_process_and_one_that_cannot_begin_stops_no_other() -> Result<()> {
    let (first, second) = (Job::new("many_first")?, named("many_second")?);
    second.psql("alter table users_enriched rename to elsewhere")?;
    first.users_on_both(0..10, "good.example")?;
    second.users_on_both(0..20, "good.example")?;
    let run = first.run_files(&[&first.file(), &second.file()])?;
    first.wait_until_caught_up()?;
    first.wait_until_logged("the pipeline does not begin")?;
    second.psql("alter table elsewhere rename to users_enriched")?;
    second.wait_until_caught_up()?;
    first.check()?;
    second.check()?;
    // The same process owns the partitions of both.
    let owner = "select min(owner) from gristmill.checkpoint";
    assert_eq!(first.psql(owner)?, second.psql(owner)?);
    drop(run);
    Ok(())
}

#[test]
fn a_pipeline_that_halts_stops_no_other() -> Result<()> {
    let (first, second) = (Job::new("many_halts")?, named("many_goes_on")?);
    let _run = first.run_files(&[&first.file(), &second.file()])?;
    first.users_on_both_done(0..10, "good.example")?;
    second.users_on_both_done(0..10, "good.example")?;
    first.psql(
        "alter table users_enriched add column region text not null default 'x';
        alter table users_enriched alter column region drop default",
    )?;
    first.users_on_both(10..20, "good.example")?;
    first.wait_until_halted(2)?;
    second.users_on_both_done(10..20, "good.example")?;
    assert_eq!(second.halted()?, 0);
    second.check()
}

#[test]
fn a_pipeline_that_is_in_two_files_is_refused() -> Result<()> {
    let job = Job::new("many_same")?;
    let run = job
        .command(&["run", "users.toml", "users.toml"])?
        .output()?;
    let (code, said) = printed(run);
    assert_eq!(code, Some(1), "{said}");
    let why = "two files hold the pipeline many_same: give each a name of its own";
    assert!(said.contains(why), "{said}");
    Ok(())
}

/// A file that stands for a pipeline of each topic `NAME_SCHEMA.TABLE`.
const TEMPLATE: &str = r#"
[pipeline]
name = "{schema}.{table}"
[source]
bootstrap = "${KAFKA_BOOTSTRAP}"
topics = '^NAME_(?<schema>\w+)\.(?<table>\w+)$'
topics_except = "NAME_a.secrets"
[[transform]]
name = "normalize"
component = "builtin:normalize-debezium"
config = { shape = "flat" }
[target]
url = "${DATABASE_URL}"
table = "{table}"
"#;

/// A job whose folder has [`TEMPLATE`] in mirror.toml.
struct Mirror {
    job: Job<'static>,
    name: &'static str,
}

impl Mirror {
    fn new(name: &'static str) -> Result<Self> {
        let job = Job::new(name)?;
        let file = job.file().with_file_name("mirror.toml");
        std::fs::write(file, TEMPLATE.replace("NAME", name))?;
        Ok(Self { job, name })
    }

    /// A topic of two partitions, and where there is none, its table, with gristmill's columns.
    fn add(&self, schema: &str, table: &str) -> Result<()> {
        self.job.psql(&format!(
            "create table if not exists {table} (id bigint primary key, name text)"
        ))?;
        self.job
            .kafka
            .create_topic(&self.topic(schema, table), 2, &[])?;
        let only = format!("{schema}.{table}");
        self.job
            .gristmill(&["schema", "apply", "mirror.toml", "--only", &only])?;
        Ok(())
    }

    fn topic(&self, schema: &str, table: &str) -> String {
        format!("{}_{schema}.{table}", self.name)
    }

    fn write(&self, schema: &str, table: &str, ids: std::ops::Range<i32>) -> Result<()> {
        let event = |id: i32| {
            let ms = 1_726_531_200_000_i64 + i64::from(id);
            let row = format!(r#"{{"id":{id},"name":"n{id}","__source_ts_ms":{ms}}}"#);
            Message::new(id % 2, row)
        };
        let events: Vec<Message> = ids.map(event).collect();
        topic::write(
            &self.job.kafka.bootstrap(),
            &self.topic(schema, table),
            &events,
        )
    }

    fn wait_for_rows(&self, table: &str, rows: i64) -> Result<()> {
        self.job.wait_for(&format!("{rows} rows of {table}"), || {
            Ok(self.job.number(&format!("select count(*) from {table}"))? == rows)
        })
    }

    fn run(&self) -> Result<gristmill_tests::process::Process> {
        self.job.run_files(&[Path::new("mirror.toml")])
    }
}

#[test]
fn each_topic_of_a_template_has_a_pipeline_and_what_comes_later_begins_by_itself() -> Result<()> {
    let mirror = Mirror::new("many_topics")?;
    let job = &mirror.job;
    mirror.add("a", "users")?;
    mirror.add("a", "orders")?;
    job.kafka
        .create_topic(&mirror.topic("a", "secrets"), 1, &[])?;
    mirror.write("a", "users", 0..20)?;
    mirror.write("a", "orders", 0..30)?;
    let run = mirror.run()?;
    mirror.wait_for_rows("users", 20)?;
    mirror.wait_for_rows("orders", 30)?;

    mirror.add("b", "items")?;
    mirror.write("b", "items", 0..40)?;
    mirror.wait_for_rows("items", 40)?;
    // Its table is another's already.
    job.kafka
        .create_topic(&mirror.topic("b", "users"), 2, &[])?;
    mirror.write("b", "users", 100..110)?;
    job.wait_until_logged("both give the table users")?;
    mirror.write("a", "users", 20..25)?;
    mirror.wait_for_rows("users", 25)?;
    let names = "select string_agg(pipeline, ' ' order by pipeline) from gristmill.pipeline";
    assert_eq!(job.psql(names)?, "a.orders a.users b.items");

    let swap = ["transform", "swap", "mirror.toml", "normalize"];
    let builtin = "builtin:normalize-debezium";
    std::fs::write(
        job.file().with_file_name("all.toml"),
        "shape = \"flat\"\nrename = {}\n",
    )?;
    let to_all = [&swap[..], &[builtin, "--config", "all.toml", "--all"]].concat();
    let said = job.gristmill(&to_all)?;
    assert_eq!(said.matches("revision 2 is active").count(), 3, "{said}");
    // One of them has no such column, so none is changed.
    let lacking =
        "shape = \"flat\"\nkey = [\"id\"]\ncolumns = { id = \"bigint\", total = \"bigint\" }\n";
    std::fs::write(job.file().with_file_name("all.toml"), lacking)?;
    job.psql(
        "alter table orders add column total bigint; alter table items add column total bigint",
    )?;
    let (code, said) = printed(job.command(&to_all)?.output()?);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("nothing has changed") && said.contains("a.users: "),
        "{said}"
    );
    let newest = "select max(revision) from gristmill.revision";
    assert_eq!(job.number(newest)?, 2);

    let (code, said) = printed(job.command(&["pause", "mirror.toml"])?.output()?);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("say which with --only NAME|PATTERN, or --all"),
        "{said}"
    );
    job.gristmill(&["pause", "mirror.toml", "--only", "a.o*"])?;
    let (_, overview) = printed(job.command(&["status", "mirror.toml"])?.output()?);
    for line in [
        "a.orders  2 paused",
        "a.users   2 running",
        "b.items   2 running",
    ] {
        assert!(overview.contains(line), "{overview}");
    }
    assert!(overview.contains("2 paused by"), "{overview}");

    job.kafka.delete_topic(&mirror.topic("b", "items"))?;
    job.wait_for("the topic to be missed", || {
        let (_, said) = printed(job.command(&["status", "mirror.toml"])?.output()?);
        let why = "is gone: the pipeline goes on when there is one of that name";
        Ok(said.contains(why) && said.contains("b.items   gone"))
    })?;
    mirror.write("a", "users", 25..30)?;
    mirror.wait_for_rows("users", 30)?;

    let forget = ["pipeline", "forget", "mirror.toml", "b.items"];
    let (code, said) = printed(job.command(&forget)?.output()?);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("runs the pipeline b.items: end it"), "{said}");
    drop(run);
    job.wait_for("the process to be missed", || {
        Ok(printed(job.command(&forget)?.output()?).0 == Some(0))
    })?;
    assert_eq!(job.psql(names)?, "a.orders a.users");
    mirror.wait_for_rows("items", 40)
}

#[test]
fn a_topic_that_two_files_mean_has_one_pipeline() -> Result<()> {
    let mirror = Mirror::new("many_twice")?;
    let job = &mirror.job;
    mirror.add("a", "users")?;
    mirror.add("a", "orders")?;
    let topic = mirror.topic("a", "users");
    let topics = format!(
        "topics = '^{}_(?<schema>\\w+)\\.(?<table>\\w+)$'",
        mirror.name
    );
    let single = TEMPLATE.replace("NAME", mirror.name);
    let single = single.replace(&topics, &format!("topic = \"{topic}\""));
    let except = format!("topics_except = \"{}_a.secrets\"\n", mirror.name);
    let single = single
        .replace(&except, "")
        .replace("{schema}.{table}", "a.users");
    let single = single.replace("{table}", "users");
    std::fs::write(job.file().with_file_name("single.toml"), single)?;
    let _run = job.run_files(&[Path::new("single.toml"), Path::new("mirror.toml")])?;
    job.wait_until_logged("another file that runs here gives the pipeline a.users")?;
    mirror.write("a", "users", 0..20)?;
    mirror.write("a", "orders", 0..20)?;
    mirror.wait_for_rows("users", 20)?;
    mirror.wait_for_rows("orders", 20)?;
    // Nobody takes from the other what it has.
    let epochs = "select max(owner_epoch) from gristmill.checkpoint";
    assert_eq!(job.number(epochs)?, 1);
    Ok(())
}

#[test]
fn letters_go_to_the_cluster_that_their_records_are_from() -> Result<()> {
    let (here, elsewhere) = (Job::new("many_letters")?, Kafka::start()?);
    let there = Job::on(&elsewhere, here.postgres, "many_letters_there")?;
    elsewhere.create_topic(&here.dead_letter_topic, 1, &[])?;
    here.psql("create table users_there (like users_enriched including all)")?;
    let url = here.postgres.database_url(&here.database);
    there.edit_pipeline(|text| {
        let variables = text.split('"').filter(|part| part.starts_with("${"));
        let (of_kafka, of_postgres): (Vec<&str>, Vec<&str>) =
            variables.partition(|v| v.contains("KAFKA"));
        let text = text
            .replace(&there.dead_letter_topic, &here.dead_letter_topic)
            .replace("\"users_enriched\"", "\"users_there\"");
        let with = |text: String, variables: &[String], value: &str| {
            variables
                .iter()
                .fold(text, |text, v| text.replace(v, value))
        };
        let owned = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let text = with(text, &owned(of_kafka), &elsewhere.bootstrap());
        with(text, &owned(of_postgres), &url)
    })?;
    let _run = here.run_files(&[&here.file(), &there.file()])?;
    for job in [&here, &there] {
        job.produce(&[Message::new(0, "no event")])?;
    }
    here.wait_for("both letters to be relayed", || {
        let relayed = "select count(*) from gristmill.dead_letter where state = 'relayed'";
        Ok(here.number(relayed)? == 2)
    })?;
    for job in [&here, &there] {
        let letters = topic::read(&job.kafka.bootstrap(), &here.dead_letter_topic)?;
        let from: Vec<_> = letters
            .iter()
            .map(|l| l.header("gristmill-pipeline"))
            .collect();
        assert_eq!(from, [Some(job.database.clone())]);
    }
    Ok(())
}

#[test]
fn a_changed_template_opens_no_connection_a_topic() -> Result<()> {
    let mirror = Mirror::new("many_change")?;
    let job = &mirror.job;
    let tables: Vec<String> = (0..30).map(|i| format!("t{i}")).collect();
    for table in &tables {
        job.psql(&format!(
            "create table {table} (id bigint primary key, name text)"
        ))?;
        let topic = mirror.topic("a", table);
        job.kafka.create_topic(&topic, 1, &[])?;
    }
    job.gristmill(&["schema", "apply", "mirror.toml", "--all"])?;
    let (_first, second) = (mirror.run()?, mirror.run()?);
    let takes = "select count(*) from gristmill.checkpoint";
    job.wait_for("all to be taken", || Ok(job.number(takes)? == 30))?;
    drop(second);
    let file = job.file().with_file_name("mirror.toml");
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, text.replace("\"flat\" }", "\"flat\", rename = {} }"))?;
    let _second = mirror.run()?;
    let mut most = 0;
    let sessions = "select count(*) from pg_stat_activity where datname = current_database() \
                    and application_name like 'gristmill%'";
    let proposed = "select count(*) from gristmill.pipeline where active_revision = 2";
    job.wait_for("all to be proposed", || {
        most = most.max(job.number(sessions)?);
        Ok(job.number(proposed)? == 30)
    })?;
    // Of two processes.
    assert!(most <= 32, "{most} connections");
    Ok(())
}

#[test]
fn two_processes_share_the_topics_and_nothing_is_lost_when_one_is_killed() -> Result<()> {
    let mirror = Mirror::new("many_shared")?;
    let tables = ["t0", "t1", "t2", "t3"];
    for table in tables {
        mirror.add("a", table)?;
        mirror.write("a", table, 0..50)?;
    }
    let (first, _second) = (mirror.run()?, mirror.run()?);
    let owners = "select count(distinct owner) from gristmill.checkpoint";
    let job = &mirror.job;
    job.wait_for("both to own partitions", || Ok(job.number(owners)? == 2))?;
    for table in tables {
        mirror.write("a", table, 50..100)?;
    }
    drop(first);
    for table in tables {
        mirror.write("a", table, 100..150)?;
    }
    for table in tables {
        mirror.wait_for_rows(table, 150)?;
    }
    Ok(())
}
