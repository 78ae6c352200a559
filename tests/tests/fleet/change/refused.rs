//! What a swap refuses, each by a sentence that says what to do. Nothing has changed then.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill::definition::builtin;
use gristmill_sandbox::{Limits, Sandbox};
use gristmill_tests::component::{importing, patched};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;
use gristmill_tests::program::refusal;
use serde_json::json;

#[test]
fn what_cannot_or_must_not_run_is_refused_and_changes_nothing() -> Result<()> {
    let job = Job::new("refusals")?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    let email = component("enrich-email")?;
    let newer = patched(&email, "transform/rule@0.1.0", "transform/rule@0.2.0");
    let newer = file("newer.wasm", &newer)?;
    let wasi = file("wasi.wasm", &importing("wasi:clocks/wall-clock@0.2.3"))?;
    let http = file("http.wasm", &importing("acme:http/client@1.0.0"))?;
    let half = file("half.wasm", &email[..email.len() / 2])?;
    let empty = guests::build("empty")?;
    let impure = job.add_impure("{ how = \"not\" }")?;
    // Of another type than what `enrich-weekday` writes.
    job.psql("alter table users_enriched add weekday text")?;
    let _run = running(&job)?;

    let cases = [
        (
            "enrich-email",
            newer.as_str(),
            "{}",
            "exports `gristmill:transform/rule@0.2.0` and this host runs \
             `gristmill:transform/rule@0.1.0`: build it again with what this host brings",
        ),
        (
            "enrich-email",
            &wasi,
            "{}",
            "imports `wasi:clocks/wall-clock@0.2.3`, and a transform gets no WASI (no files, \
             clock, network or randomness): build one in Rust with `gristmill transform build`",
        ),
        (
            "enrich-email",
            &http,
            "{}",
            "imports `acme:http/client@1.0.0`, and a transform can call nothing but \
             `gristmill:transform/log@0.1.0`: a rule in Rust is built by `gristmill transform \
             build`",
        ),
        (
            "enrich-email",
            &half,
            "{}",
            "bytes, perhaps it is still being written: try again, and write to another name and \
             rename",
        ),
        (
            "enrich-email",
            "builtin:enrich-email",
            r#"{"corporate_domain": []}"#,
            "unknown key `corporate_domain`: did you mean `corporate_domains`?",
        ),
        (
            "enrich-email",
            "builtin:sql",
            r#"{"reads": {"email": "text"}, "writes": {"email_domain": "lower(emial)"}}"#,
            "writes.email_domain, line 1, column 7: no column `emial` is read: did you mean \
             `email`?",
        ),
        (
            "enrich-email",
            "builtin:sql",
            r#"{"reads": {"email": "text"}, "writes": {"email_domain": "length(email)",
                "is_corporate": "true"}}"#,
            "the column email_domain of the table users_enriched is text, but the pipeline \
             writes int64: make it bigint",
        ),
        (
            "enrich-email",
            "builtin:enrich-country",
            "{}",
            "it writes column `country_name`, which transform `enrich-country` writes already: \
             write another column",
        ),
        (
            "enrich-email",
            "builtin:enrich-weekday",
            "{}",
            "the column weekday of the table users_enriched is text, but the pipeline writes \
             int64: make it bigint",
        ),
        (
            "enrich-email",
            &empty,
            r#"{"reads": []}"#,
            "no longer write email_domain, is_corporate, and the table would keep old values: \
             write it again, or say --retire email_domain --retire is_corporate",
        ),
        (
            "impure",
            &impure,
            r#"{"how": "neighbour"}"#,
            "keep nothing between rows or calls, and let nothing depend on the order of a hash map",
        ),
    ];
    for (name, component, config, sentence) in cases {
        refused(&job, name, component, config, sentence)?;
    }
    while_written(&folder.path().join("growing.wasm"), &email, |growing| {
        let sentence = "is still being written: try again when the build is done";
        refused(&job, "enrich-email", growing, "{}", sentence)
    })
}

#[test]
fn a_swap_refuses_what_is_no_pure_function_of_its_rows() -> Result<()> {
    let job = Job::new("purity")?;
    let module = job.add_impure("{ how = \"not\" }")?;
    let _run = running(&job)?;
    let swap = |how: &str| {
        let config = json!({ "how": how }).to_string();
        job.swap_rule("impure", &module, &config, &[])
    };
    for how in ["calls", "neighbour"] {
        let error = refusal(swap(how))?;
        let sentence = "transform `impure` is no pure function of its rows";
        ensure!(
            error.contains(sentence) && error.contains("keep nothing"),
            "{error}"
        );
    }
    let made = "select count(*), max(active_revision) from gristmill.revision, gristmill.pipeline";
    ensure!(job.psql(made)? == "1|1");
    // Rows that fail are data's trouble, and do not make a rule impure.
    swap("not-but-panics")?;
    ensure!(job.psql(made)? == "2|2");
    Ok(())
}

/// A host that has written ten events.
fn running(job: &Job) -> Result<Process> {
    let run = job.run()?;
    job.generate(10, 10, 1)?;
    job.wait_until_caught_up()?;
    Ok(run)
}

/// Refused with the sentence, and revision 1 is all there is.
fn refused(job: &Job, name: &str, component: &str, config: &str, sentence: &str) -> Result<()> {
    let refused = refusal(job.swap_rule(name, component, config, &[]));
    let refused = refused.with_context(|| component.to_owned())?;
    ensure!(refused.contains(sentence), "{component}: {refused}");
    let revisions = job.psql(
        "select max(revision), count(*), max(active_revision), count(staging_revision)
        from gristmill.revision, gristmill.pipeline",
    )?;
    ensure!(revisions == "1|1|1|0", "{component}: {revisions}");
    Ok(())
}

/// Goes on writing to the file while `work` goes on.
fn while_written(path: &Path, begin: &[u8], work: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let mut file = File::create(path)?;
    file.write_all(begin)?;
    let name = path.to_str().context("a path")?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<()> {
            while !done.load(Ordering::Relaxed) {
                file.write_all(&[0])?;
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let worked = work(name);
        done.store(true, Ordering::Relaxed);
        writer.join().expect("no panic")?;
        worked
    })
}

fn component(name: &str) -> Result<Vec<u8>> {
    let module = builtin::component(name).context("no such transform")?;
    let component = Sandbox::new(None)?.load(name, module, &Limits::default())?;
    Ok(component.bytes().to_vec())
}
