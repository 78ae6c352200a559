//! The oracle against cases worked out by hand.

use super::*;

const NOW_MS: i64 = 1_726_531_300_000;

fn of(events: &[&str]) -> Expected {
    let messages: Vec<Message> = events
        .iter()
        .enumerate()
        .map(|(i, e)| Message {
            offset: i as i64,
            ..Message::new(0, *e)
        })
        .collect();
    expected(&messages, NOW_MS, 1_000)
}

fn code(event: &str) -> Option<&'static str> {
    of(&[event]).dead_letters.into_values().next()
}

#[test]
fn a_late_delete_loses_against_a_newer_update() {
    let update = concat!(
        r#"{"op":"u","after":{"user_id":1,"name":"Ann","email":"a@Contoso.COM","#,
        r#""country_code":"US"},"timestamp_ms":1726531260000}"#
    );
    let delete = r#"{"op":"d","before":{"user_id":1,"name":"Old"},"timestamp_ms":1726531240000}"#;
    let user = User {
        user_id: 1,
        name: Some("Ann".into()),
        email: Some("a@Contoso.COM".into()),
        email_domain: Some("Contoso.COM".into()),
        country_code: Some("US".into()),
        country_name: Some("United States".into()),
        is_corporate: true,
        is_deleted: false,
        updated_at_us: 1_726_531_260_000_000,
        partition: 0,
        offset: 0,
    };
    assert_eq!(
        of(&[update, delete]).users,
        BTreeMap::from([(1, user.clone())])
    );
    let user = User { offset: 1, ..user };
    assert_eq!(of(&[delete, update]).users, BTreeMap::from([(1, user)]));
}

#[test]
fn of_equal_event_times_the_later_offset_wins() {
    let named = |name: &str| {
        format!(r#"{{"op":"u","after":{{"user_id":1,"name":"{name}"}},"timestamp_ms":5}}"#)
    };
    let (first, second) = (named("first"), named("second"));
    let mut messages: Vec<Message> = [first, second]
        .into_iter()
        .enumerate()
        .map(|(i, e)| Message {
            offset: i as i64,
            ..Message::new(0, e)
        })
        .collect();
    for _ in 0..2 {
        assert_eq!(
            expected(&messages, NOW_MS, 1_000).users[&1].name.as_deref(),
            Some("second")
        );
        messages.reverse();
    }
}

#[test]
fn a_changed_key_deletes_the_old_row() {
    let update = concat!(
        r#"{"op":"u","before":{"user_id":1,"name":"A"},"after":{"user_id":2,"name":"A"},"#,
        r#""timestamp_ms":5}"#
    );
    let users = of(&[update]).users;
    assert_eq!(
        users
            .values()
            .map(|u| (u.user_id, u.is_deleted))
            .collect::<Vec<_>>(),
        [(1, true), (2, false)]
    );
}

#[test]
fn each_kind_of_bad_event_has_its_code() {
    let future = format!(
        r#"{{"op":"c","after":{{"user_id":1}},"timestamp_ms":{}}}"#,
        NOW_MS + FUTURE_MAX_MS + 1
    );
    let cases = [
        (r#"{"op":"c""#, Some("malformed")),
        ("", Some("malformed")),
        (r#"[]"#, Some("wrong-type")),
        (
            r#"{"op":"c","after":{"user_id":"1"},"timestamp_ms":5}"#,
            Some("wrong-type"),
        ),
        (
            r#"{"op":"c","after":{"user_id":1.5},"timestamp_ms":5}"#,
            Some("wrong-type"),
        ),
        (
            r#"{"op":"c","after":{"user_id":9223372036854775808},"timestamp_ms":5}"#,
            Some("wrong-type"),
        ),
        (
            r#"{"op":"c","after":{"user_id":1,"name":"a\u0000"},"timestamp_ms":5}"#,
            Some("zero-byte"),
        ),
        (
            r#"{"op":"x","after":{"user_id":1},"timestamp_ms":5}"#,
            Some("unknown-op"),
        ),
        (
            r#"{"after":{"user_id":1},"timestamp_ms":5}"#,
            Some("unknown-op"),
        ),
        (
            r#"{"op":"d","after":{"user_id":1},"timestamp_ms":5}"#,
            Some("missing-row"),
        ),
        (
            r#"{"op":"c","after":{"name":"x"},"timestamp_ms":5}"#,
            Some("missing-key"),
        ),
        (
            r#"{"op":"c","after":{"user_id":null},"timestamp_ms":5}"#,
            Some("missing-key"),
        ),
        (r#"{"op":"c","after":{"user_id":1}}"#, Some("missing-time")),
        (
            r#"{"op":"c","after":{"user_id":1},"timestamp_ms":-5}"#,
            Some("before-floor"),
        ),
        (future.as_str(), Some("future-time")),
        (
            r#"{"op":"c","after":{"user_id":1.0,"name":null},"timestamp_ms":5}"#,
            None,
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(code(event), expected, "{event}");
    }
    let large = format!(
        r#"{{"op":"c","after":{{"user_id":1,"name":"{}"}},"timestamp_ms":5}}"#,
        "x".repeat(1_000)
    );
    assert_eq!(code(&large), Some("too-large"));
}

#[test]
fn a_domain_is_what_follows_the_last_at() {
    let domain = |email: &str| {
        of(&[&format!(
            r#"{{"op":"c","after":{{"user_id":1,"email":"{email}"}},"timestamp_ms":5}}"#
        )])
        .users[&1]
            .email_domain
            .clone()
    };
    assert_eq!(domain("a@b@c.com").as_deref(), Some("c.com"));
    assert_eq!(domain("nobody"), None);
    assert_eq!(domain("nobody@"), None);
}
