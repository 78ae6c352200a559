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
use gristmill_tests::guests;
use gristmill_tests::job::Job;

#[test]
fn what_cannot_or_must_not_run_is_refused_and_changes_nothing() -> Result<()> {
    let job = Job::new("refusals")?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.to_str().context("a path")?.to_owned())
    };
    let guest = |name: &str| -> Result<String> {
        let module = guests::build(name, env!("CARGO_TARGET_TMPDIR"))?;
        Ok(module.to_str().context("a path")?.to_owned())
    };
    let email = component("enrich-email")?;
    let newer = patched(&email, "transform/rule@0.1.0", "transform/rule@0.2.0");
    let newer = file("newer.wasm", &newer)?;
    let wasi = file("wasi.wasm", &importing("wasi:clocks/wall-clock@0.2.3"))?;
    let http = file("http.wasm", &importing("acme:http/client@1.0.0"))?;
    let half = file("half.wasm", &email[..email.len() / 2])?;
    let (impure, empty) = (guest("impure")?, guest("empty")?);
    let _run = running_with(&job, &impure)?;

    let cases = [
        (
            "enrich-email",
            newer.as_str(),
            "{}",
            "exports `gristmill:transform/rule@0.2.0` and this host runs `gristmill:transform/rule@0.1.0`: build it again with what this host brings",
        ),
        (
            "enrich-email",
            &wasi,
            "{}",
            "imports `wasi:clocks/wall-clock@0.2.3`, and a transform gets no WASI (no files, clock, network or randomness): build one in Rust with `gristmill transform build`",
        ),
        (
            "enrich-email",
            &http,
            "{}",
            "imports `acme:http/client@1.0.0`, and a transform can call nothing but `gristmill:transform/log@0.1.0`: a rule in Rust is built by `gristmill transform build`",
        ),
        (
            "enrich-email",
            &half,
            "{}",
            "bytes, perhaps it is still being written: try again, and write to another name and rename",
        ),
        (
            "enrich-email",
            "builtin:enrich-email",
            r#"{"corporate_domain": []}"#,
            "unknown key `corporate_domain`: did you mean `corporate_domains`?",
        ),
        (
            "enrich-email",
            "builtin:enrich-country",
            "{}",
            "it writes column `country_name`, which transform `enrich-country` writes already: write another column",
        ),
        (
            "enrich-email",
            "builtin:enrich-weekday",
            "{}",
            "the column weekday of the table users_enriched is text, but the pipeline writes int64: make it bigint",
        ),
        (
            "enrich-email",
            &empty,
            r#"{"reads": []}"#,
            "no longer write email_domain, is_corporate, and the table would keep old values: write it again, or say --retire email_domain --retire is_corporate",
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

/// A host that runs the shipped pipeline, and behind it a rule that is impure when its config says so; the table has a column that is of another type than what
/// `enrich-weekday` writes.
fn running_with(job: &Job, impure: &str) -> Result<gristmill_tests::process::Process> {
    job.psql("alter table users_enriched add n bigint, add m bigint, add weekday text")?;
    job.edit_pipeline(|text| {
        let rule = format!(
            "[[transform]]\nname = \"impure\"\ncomponent = \"{impure}\"\nconfig = {{ how = \"not\" }}\n\n[target]"
        );
        text.replacen("country_code = \"text\" }", "country_code = \"text\", n = \"int64\" }", 1)
            .replacen("[target]", &rule, 1)
    })?;
    let run = job.run()?;
    job.generate(10, 10, 1)?;
    job.wait_until_caught_up()?;
    Ok(run)
}

/// Refused with the sentence, and revision 1 is all there is.
fn refused(job: &Job, name: &str, component: &str, config: &str, sentence: &str) -> Result<()> {
    let file = tempfile::Builder::new().suffix(".json").tempfile()?;
    std::fs::write(file.path(), config)?;
    let file = file.path().to_str().context("a path")?;
    let swap = job.transform(&["swap", name, component, "--config", file]);
    let said = swap
        .err()
        .with_context(|| format!("{component} was accepted"))?;
    let said = format!("{said:#}");
    ensure!(said.contains(sentence), "{component}: {said}");
    let stands = job.psql(
        "select max(revision), count(*), max(active_revision), count(staging_revision) from gristmill.revision, gristmill.pipeline",
    )?;
    ensure!(stands == "1|1|1|0", "{component}: {stands}");
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

/// `bytes` with each `from` written over by `to`, which is as long.
fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            patched[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    assert_ne!(patched, bytes, "no {from}");
    patched
}

/// A component that imports the empty interface `name`, and has nothing else.
fn importing(name: &str) -> Vec<u8> {
    let instance_type = [1, 0x42, 0];
    let mut import = vec![1, 0, name.len() as u8];
    import.extend(name.bytes());
    import.extend([5, 0]);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    for (section, content) in [(7, &instance_type[..]), (10, &import)] {
        component.extend([section, content.len() as u8]);
        component.extend(content);
    }
    component
}
