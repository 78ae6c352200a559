//! Every mistake with its whole sentence, as snapshots: what an author reads must say what to do.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gristmill_tests::author::{edit, new_rule, run};
use gristmill_tests::program::printed;
use insta::assert_snapshot;

/// What is wrong, the files that make it so, and the command that says it.
struct Mistake(
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// A folder in which nothing is wrong: a shipped rule with a case, a dimension and an event.
const SOUND: [(&str, &str); 4] = [
    ("rule.toml", "component = \"builtin:enrich-country\"\n"),
    (
        "cases/first.json",
        "{\"input\": [{\"country_code\": \"DE\"}], \"expect\": {\"rows\": [{\"country_name\": \
         \"Germany\"}]}}\n",
    ),
    (
        "cases/dimensions/countries.csv",
        "country_code,country_name\nDE,Germany\n",
    ),
    ("events.json", "[{\"country_code\": \"DE\"}]\n"),
];

const TEST: &str = "transform test";
const TRY: &str = "try . --on events.json";

#[test]
fn in_a_rules_folder() -> Result<()> {
    let mistakes = [
        Mistake("nothing", &[], TEST),
        Mistake(
            "a key is misspelt",
            &[("rule.toml", "componnet = \"a.wasm\"\n")],
            TEST,
        ),
        Mistake(
            "the file is no TOML",
            &[("rule.toml", "component = a.wasm\n")],
            TEST,
        ),
        Mistake("no component is named", &[("rule.toml", "")], TEST),
        Mistake(
            "a build without a component",
            &[("rule.toml", "build = \"make\"\n")],
            TEST,
        ),
        Mistake(
            "a shipped rule that is built",
            &[(
                "rule.toml",
                "component = \"builtin:sql\"\nbuild = \"make\"\n",
            )],
            TEST,
        ),
        Mistake(
            "the build fails",
            &[(
                "rule.toml",
                "component = \"a.wasm\"\nbuild = \"echo no tool; exit 3\"\n",
            )],
            TEST,
        ),
        Mistake(
            "the build leaves nothing",
            &[("rule.toml", "component = \"a.wasm\"\nbuild = \"true\"\n")],
            TEST,
        ),
        Mistake(
            "the build leaves no WebAssembly",
            &[(
                "rule.toml",
                "component = \"a.wasm\"\nbuild = \"echo words > a.wasm\"\n",
            )],
            TEST,
        ),
        Mistake(
            "the component is not there",
            &[("rule.toml", "component = \"a.wasm\"\n")],
            TEST,
        ),
        Mistake(
            "a component without cases",
            &[],
            "transform test builtin:enrich-country",
        ),
        Mistake(
            "cases in a folder that is not there",
            &[],
            "transform test builtin:enrich-country --cases gone",
        ),
        Mistake(
            "a template that is not there",
            &[],
            "transform new enrich-age --template enrich",
        ),
        Mistake(
            "a language that is not there",
            &[],
            "transform new enrich-age --lang go",
        ),
        Mistake("a name that is none", &[], "transform new EnrichAge"),
        Mistake("a name that Rust keeps", &[], "transform new struct"),
        Mistake("a folder that is there", &[], "transform new cases"),
    ];
    assert_snapshot!(all(&mistakes)?);
    Ok(())
}

#[test]
fn in_a_case_and_in_what_it_needs() -> Result<()> {
    let mistakes = [
        Mistake(
            "no JSON",
            &[(
                "cases/first.json",
                "{\"input\": [{\"country_code\": \"DE\"]}\n",
            )],
            TEST,
        ),
        Mistake(
            "a key is misspelt",
            &[(
                "cases/first.json",
                "{\"input\": [], \"expects\": {\"rows\": []}}\n",
            )],
            TEST,
        ),
        Mistake(
            "a column is misspelt",
            &[(
                "cases/first.json",
                "{\"input\": [{\"country_coed\": \"DE\"}]}\n",
            )],
            TEST,
        ),
        Mistake(
            "a value of another type",
            &[(
                "cases/first.json",
                "{\"input\": [{\"country_code\": \"DE\"}, {\"country_code\": 49}]}\n",
            )],
            TEST,
        ),
        Mistake(
            "a row that is not there",
            &[(
                "cases/first.json",
                "{\"input\": [{\"country_code\": \"DE\"}], \"expect\": {\"rows\": [], \
                 \"rejections\": [{\"row\": 1, \"code\": \"a\", \"message\": \"b\"}]}}\n",
            )],
            TEST,
        ),
        Mistake(
            "another answer is expected",
            &[(
                "cases/first.json",
                "{\"about\": \"A name.\", \"input\": [{\"country_code\": \"DE\"}], \
                 \"expect\": {\"rows\": [{\"country_name\": \"Deutschland\"}]}}\n",
            )],
            TEST,
        ),
        Mistake(
            "nothing is expected",
            &[(
                "cases/first.json",
                "{\"input\": [{\"country_code\": \"DE\"}]}\n",
            )],
            TEST,
        ),
        Mistake(
            "a dimension lacks a column",
            &[(
                "cases/dimensions/countries.csv",
                "country_code,contry_name\nDE,Germany\n",
            )],
            TEST,
        ),
        Mistake(
            "a dimension lacks a column, tried",
            &[(
                "cases/dimensions/countries.csv",
                "country_code,contry_name\nDE,Germany\n",
            )],
            TRY,
        ),
        Mistake(
            "a dimension has a key twice",
            &[(
                "cases/dimensions/countries.csv",
                "country_code,country_name\nDE,Germany\nDE,Deutschland\n",
            )],
            TEST,
        ),
        Mistake(
            "a config key is misspelt",
            &[(
                "rule.toml",
                "component = \"builtin:enrich-email\"\nconfig = { corporate_domain = [] }\n",
            )],
            TRY,
        ),
        Mistake(
            "a config of another type",
            &[(
                "rule.toml",
                "component = \"builtin:enrich-email\"\nconfig = { corporate_domains = 7 }\n",
            )],
            TRY,
        ),
        Mistake(
            "no config where one is needed",
            &[("rule.toml", "component = \"builtin:normalize-cdc\"\n")],
            TRY,
        ),
        Mistake(
            "the events spell a column otherwise",
            &[("events.json", "[{\"country_cod\": \"DE\", \"id\": 1}]\n")],
            TRY,
        ),
        Mistake(
            "the events are no JSON",
            &[("events.json", "[{]\n")],
            "transform bench --on events.json",
        ),
        Mistake("there are no events", &[], "transform bench --on gone.json"),
    ];
    assert_snapshot!(all(&mistakes)?);
    Ok(())
}

/// What the rule does for a row of each name: all that a row can do to a rule.
const DOES: &str = r#"match name.unwrap_or_default() {
            "clock" => drop(std::time::SystemTime::now()),
            "wait" => std::thread::sleep(std::time::Duration::from_secs(1)),
            "file" => drop(std::fs::read("/etc/passwd").unwrap()),
            "thread" => drop(std::thread::spawn(|| ()).join()),
            "panic" => panic!("no such name"),
            "index" => drop([1, 2, 3][name.unwrap_or_default().len()].to_string()),
            "overflow" => drop((u8::MAX + name.unwrap_or_default().len() as u8).to_string()),
            "loop" => loop { std::hint::black_box(name); },
            "memory" => drop(std::hint::black_box(vec![1_u8; 1 << 30])),
            "code" => return Err(Reject { code: "unheard", message: "of".into() }),
            "log" => gristmill_guest::log::info("a name that is logged"),
            _ => {}
        }
        if name.is_some_and("#;

#[test]
fn of_a_rule_that_runs() -> Result<()> {
    let (_folder, rule) = new_rule("enrich-trapped")?;
    edit(&rule.join("src/lib.rs"), "if name.is_some_and(", DOES)?;
    std::fs::remove_file(rule.join("cases/first.json"))?;
    let names = [
        "clock", "wait", "file", "thread", "panic", "index", "overflow", "loop", "memory", "code",
        "log",
    ];
    for name in names {
        let case = format!(r#"{{"about": "{name}", "input": [{{"name": "{name}"}}]}}"#);
        std::fs::write(rule.join(format!("cases/{name}.json")), case)?;
    }
    let (code, output) = printed(run(&rule, &["transform", "test"])?);
    ensure!(code == Some(1), "{output}");
    assert_snapshot!(without_cargo(&output));
    std::fs::write(
        rule.join("logged.json"),
        r#"[{"name": "log"}, {"name": "clock"}]"#,
    )?;
    let (_, output) = printed(run(&rule, &["try", ".", "--on", "logged.json"])?);
    assert_snapshot!("of_a_rule_that_is_tried", without_cargo(&output));
    let (_, output) = printed(run(&rule, &["transform", "bench", "--on", "logged.json"])?);
    let said = "1 of 2 different rows fail and are not measured, the first because transform";
    ensure!(output.contains(said), "{output}");
    Ok(())
}

#[test]
fn of_a_rule_that_does_not_compile() -> Result<()> {
    let (_folder, rule) = new_rule("enrich-broken")?;
    let source = rule.join("src/lib.rs");
    let good = std::fs::read_to_string(&source)?;
    let random = rule.join("getrandom");
    std::fs::create_dir_all(random.join("src"))?;
    std::fs::write(
        random.join("Cargo.toml"),
        "[package]\nname = \"getrandom\"\nversion = \"0.3.4\"\nedition = \"2024\"\n",
    )?;
    std::fs::write(
        random.join("src/lib.rs"),
        "compile_error!(\"The wasm32-unknown-unknown targets are not supported by default; you \
         may need to enable the \\\"wasm_js\\\" configuration flag.\");\n",
    )?;
    let with_random = "[dependencies]\ngetrandom = { path = \"getrandom\" }\n";
    let mut said = String::new();
    for (what, file, from, to) in [
        ("no rule", "src/lib.rs", good.as_str(), "//! Nothing.\n"),
        (
            "a field is misspelt",
            "src/lib.rs",
            "Output { short_name:",
            "Output { shortname:",
        ),
        (
            "a type that no column has",
            "src/lib.rs",
            "Option<&'a str>",
            "Option<u8>",
        ),
        (
            "a code is misspelt",
            "src/lib.rs",
            "Refusal::Blank",
            "Refusal::Blanc",
        ),
        (
            "random numbers",
            "Cargo.toml",
            "[dependencies]\n",
            with_random,
        ),
    ] {
        let path = rule.join(file);
        let before = std::fs::read_to_string(&path)?;
        edit(&path, from, to)?;
        let (code, output) = printed(run(&rule, &["transform", "build"])?);
        ensure!(code == Some(1), "{what}: {output}");
        let told = output.lines().rfind(|line| line.starts_with("error: "));
        writeln!(said, "## {what}\n{}\n", told.context("no sentence")?)?;
        std::fs::write(&path, before)?;
    }
    assert_snapshot!(said);
    Ok(())
}

/// What is printed about each, in a folder of its own.
fn all(mistakes: &[Mistake]) -> Result<String> {
    let mut said = String::new();
    for Mistake(what, files, command) in mistakes {
        let temporary = tempfile::tempdir()?;
        let folder = temporary.path().join("rule");
        for (path, text) in SOUND.iter().chain(*files) {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            std::fs::write(path, text)?;
        }
        let arguments: Vec<&str> = command.split(' ').collect();
        let (code, output) = printed(run(&folder, &arguments)?);
        let output = nameless(&output, &folder);
        let code = code.context("it was ended")?;
        writeln!(
            said,
            "## {what}\n$ gristmill {command} # {code}\n{}\n",
            output.trim_end()
        )?;
    }
    Ok(said)
}

fn nameless(output: &str, folder: &Path) -> String {
    output.replace(&folder.display().to_string(), "FOLDER")
}

/// What cargo says on the way depends on what it compiled before.
fn without_cargo(output: &str) -> String {
    let is_cargos = |line: &&str| {
        let line = line.trim_start();
        [
            "Compiling ",
            "Finished ",
            "Locking ",
            "Adding ",
            "Updating ",
            "Blocking ",
            // What is logged of a busy machine.
            "{\"",
        ]
        .iter()
        .any(|word| line.starts_with(word))
    };
    let lines: Vec<&str> = output.lines().filter(|line| !is_cargos(line)).collect();
    lines.join("\n")
}
