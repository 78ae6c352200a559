//! What the client makes of a registry's answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use gristmill_core::decode::{SchemaId, SchemaKind};
use gristmill_registry::{Api, FetchError, Login, RegistryClient, RegistrySettings, Secret};
use gristmill_tests::registry::fake::{FakeRegistry, Fault};

fn settings(urls: &[&str]) -> RegistrySettings {
    RegistrySettings {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        api: Api::Confluent,
        ids: None,
        login: Login::Anonymous,
        headers: BTreeMap::new(),
        ca: None,
        identity: None,
        timeout: Duration::from_millis(500),
        // No file is named.
        folder: PathBuf::new(),
    }
}

fn ask(settings: RegistrySettings, id: u32) -> Result<String, FetchError> {
    let client = RegistryClient::new(settings);
    let found = client.schema(SchemaId::Id(id), SchemaKind::Avro)?;
    Ok(found.text)
}

#[test]
fn a_schema_comes_with_all_that_it_refers_to_each_behind_what_it_needs() -> Result<()> {
    let registry = FakeRegistry::start()?;
    registry.put(
        "/schemas/ids/7",
        r#"{"schema":"root","schemaType":"PROTOBUF","references":[
            {"name":"b.proto","subject":"b/ä","version":2},
            {"name":"a.proto","subject":"a","version":1}]}"#,
    );
    registry.put(
        "/subjects/b%2F%C3%A4/versions/2?deleted=true",
        r#"{"subject":"b","schema":"b","references":[
            {"name":"a.proto","subject":"a","version":1},
            {"name":"b.proto","subject":"b/ä","version":2}]}"#,
    );
    registry.put(
        "/subjects/a/versions/1?deleted=true",
        r#"{"schema":"a","references":null}"#,
    );
    let client = RegistryClient::new(settings(&[&registry.url()]));
    let found = client.schema(SchemaId::Id(7), SchemaKind::Avro)?;
    assert_eq!(
        (found.kind, found.text.as_str()),
        (SchemaKind::Protobuf, "root")
    );
    let names: Vec<&str> = found.references.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["a.proto", "b.proto"]);
    Ok(())
}

#[test]
fn what_a_registry_answers_says_whether_to_wait_to_give_up_or_to_halt() -> Result<()> {
    let registry = FakeRegistry::start()?;
    registry.put("/schemas/ids/1", r#"{"schema":"\"int\""}"#);
    let url = registry.url();
    let status = |status: u16, body: &str| Some(Fault::Status(status, body.to_owned()));
    let away = [
        status(429, r#"{"error_code":429,"message":"slow down"}"#),
        status(500, ""),
        status(503, "<html>"),
        status(302, ""),
        status(200, "<html>a proxy's page</html>"),
        status(200, "[]"),
        // A path that no registry has says nothing of schemas.
        status(404, "<html>not here</html>"),
        status(404, r#"{"error_code":0,"message":"no resource"}"#),
        status(404, r#"{"error_code":404,"name":"NotFoundException"}"#),
        Some(Fault::Silent),
        Some(Fault::Slow(Duration::from_secs(2))),
    ];
    for fault in away {
        registry.set(fault.clone());
        let found = ask(settings(&[&url]), 1);
        assert!(
            matches!(found, Err(FetchError::Away { .. })),
            "{fault:?}: {found:?}"
        );
    }
    let refused = "http://127.0.0.1:1";
    assert!(matches!(
        ask(settings(&[refused]), 1),
        Err(FetchError::Away { .. })
    ));
    for denied in [401, 403] {
        registry.set(status(denied, ""));
        let found = ask(settings(&[&url]), 1);
        assert!(matches!(found, Err(FetchError::Denied { .. })), "{found:?}");
    }
    registry.set(None);
    let found = ask(settings(&[&url]), 2);
    assert!(
        matches!(found, Err(FetchError::Unknown { .. })),
        "{found:?}"
    );
    // A number that no registry gives out is not asked for: it answers as to a wrong path.
    registry.set(status(404, r#"{"error_code":404}"#));
    let found = ask(settings(&[&url]), u32::MAX);
    assert!(
        matches!(found, Err(FetchError::Unknown { .. })),
        "{found:?}"
    );
    Ok(())
}

#[test]
fn of_several_urls_none_speaks_for_one_that_is_away() -> Result<()> {
    let (registry, standby) = (FakeRegistry::start()?, FakeRegistry::start()?);
    registry.put("/schemas/ids/1", r#"{"schema":"\"int\""}"#);
    let urls = [registry.url(), standby.url()];
    let [good, lacks] = urls.each_ref().map(String::as_str);
    let away = "http://127.0.0.1:1";
    assert_eq!(ask(settings(&[away, good]), 1)?, "\"int\"");
    assert_eq!(ask(settings(&[lacks, good]), 1)?, "\"int\"");
    for fault in [None, Some(Fault::Status(401, String::new()))] {
        standby.set(fault);
        for urls in [[away, lacks], [lacks, away]] {
            let found = ask(settings(&urls), 1);
            assert!(matches!(found, Err(FetchError::Away { .. })), "{found:?}");
        }
    }
    // One that was away is asked again, though another one has answered meanwhile.
    standby.set(None);
    let client = RegistryClient::new(settings(&[good, lacks]));
    registry.set(Some(Fault::Status(503, String::new())));
    for _ in 0..2 {
        let found = client.schema(SchemaId::Id(1), SchemaKind::Avro);
        assert!(matches!(found, Err(FetchError::Away { .. })), "{found:?}");
    }
    registry.set(None);
    assert!(client.schema(SchemaId::Id(1), SchemaKind::Avro).is_ok());
    Ok(())
}

#[test]
fn what_is_too_large_or_of_an_unknown_kind_is_refused_by_name() -> Result<()> {
    let registry = FakeRegistry::start()?;
    let url = registry.url();
    let large = format!(r#"{{"schema":"{}"}}"#, "x".repeat((1 << 20) + 1));
    registry.put("/schemas/ids/1", large);
    registry.put("/schemas/ids/2", " ".repeat((4 << 20) + 1));
    registry.put("/schemas/ids/3", r#"{"schema":"x","schemaType":"THRIFT"}"#);
    registry.put(
        "/schemas/ids/4",
        r#"{"schema":"x","references":[{"name":"n0","subject":"s0","version":1}]}"#,
    );
    for i in 0..70 {
        registry.put(
            &format!("/subjects/s{i}/versions/1?deleted=true"),
            format!(
                r#"{{"schema":"x","references":[{{"name":"n{0}","subject":"s{0}","version":1}}]}}"#,
                i + 1
            ),
        );
    }
    for (id, word) in [
        (1, "larger"),
        (2, "larger"),
        (3, "THRIFT"),
        (4, "through more"),
    ] {
        let found = ask(settings(&[&url]), id).unwrap_err();
        assert!(matches!(found, FetchError::Refused { .. }), "{found:?}");
        assert!(found.to_string().contains(word), "{found}");
    }
    let exactly = format!(r#"{{"schema":"{}"}}"#, "x".repeat(1 << 20));
    registry.put("/schemas/ids/1", exactly);
    assert_eq!(ask(settings(&[&url]), 1)?.len(), 1 << 20);
    Ok(())
}

#[test]
fn who_asks_is_said_in_each_question_and_a_token_is_read_anew() -> Result<()> {
    let registry = FakeRegistry::start()?;
    registry.put("/schemas/ids/1", r#"{"schema":"x"}"#);
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n")?;
    let client = RegistryClient::new(RegistrySettings {
        login: Login::Bearer {
            token: Secret::new("file:token"),
        },
        headers: BTreeMap::from([("target-sr-cluster".to_owned(), "lsrc-1".to_owned())]),
        folder: folder.path().to_owned(),
        ..settings(&[&registry.url()])
    });
    client.schema(SchemaId::Id(1), SchemaKind::Avro)?;
    std::fs::write(&token, "second")?;
    client.schema(SchemaId::Id(1), SchemaKind::Avro)?;
    let basic = RegistrySettings {
        login: Login::Basic {
            user: "app".to_owned(),
            password: Secret::new("a:ä"),
        },
        ..settings(&[&registry.url()])
    };
    ask(basic, 1)?;
    let asked = registry.asked();
    let has = |n: usize, line: &str| {
        let lines = asked[n].head.iter();
        assert!(
            lines.clone().any(|l| l.eq_ignore_ascii_case(line)),
            "{line}: {:?}",
            asked[n]
        );
    };
    has(0, "authorization: Bearer first");
    has(0, "target-sr-cluster: lsrc-1");
    has(1, "authorization: Bearer second");
    has(2, "authorization: Basic YXBwOmE6w6Q=");
    Ok(())
}

#[test]
fn ids_that_only_apicurio_knows_say_how_to_ask_it() -> Result<()> {
    let registry = FakeRegistry::start()?;
    let client = RegistryClient::new(settings(&[&registry.url()]));
    for id in [SchemaId::Long(7), SchemaId::Global(7)] {
        let error = client.schema(id, SchemaKind::Avro).unwrap_err().to_string();
        assert!(error.contains("api = \"apicurio\""), "{error}");
    }
    registry.put("/schemas/ids/7", r#"{"schema":"seven"}"#);
    let content = client.schema(SchemaId::Content(7), SchemaKind::Avro)?;
    assert_eq!(content.text, "seven");
    Ok(())
}
