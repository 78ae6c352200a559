//! What makes an event of the users table usable, and its key.

use serde_json::Value;

/// Checks an event and returns its key, the user id; the error is a sentence without a place.
pub fn check(event: &[u8]) -> Result<i64, String> {
    let event: Value = serde_json::from_slice(event).map_err(|e| format!("no valid JSON: {e}"))?;
    if !event.is_object() {
        return Err("an event is a JSON object".to_owned());
    }
    let op = match &event["op"] {
        Value::String(op) if ["c", "u", "d"].contains(&op.as_str()) => op,
        Value::Null => return Err("`op` is missing: \"c\", \"u\" or \"d\"".to_owned()),
        other => return Err(format!("`op` is {other}: it is \"c\", \"u\" or \"d\"")),
    };
    let image = if op == "d" { "before" } else { "after" };
    for other in ["before", "after"] {
        if !event[other].is_null() {
            check_row(other, &event[other])?;
        }
    }
    let row = &event[image];
    if row.is_null() {
        return Err(format!(
            "`{image}` is missing: an event with op {op} has its row there"
        ));
    }
    let user_id = match &row["user_id"] {
        Value::Null => return Err(format!("`{image}.user_id` is missing: it is the key")),
        id => id
            .as_i64()
            .ok_or_else(|| format!("`{image}.user_id` is {id}: it is an integer"))?,
    };
    match &event["timestamp_ms"] {
        Value::Null => Err("`timestamp_ms` is missing: the event time in milliseconds".to_owned()),
        time if time.as_i64().is_some() => Ok(user_id),
        time => Err(format!(
            "`timestamp_ms` is {time}: it is an integer, milliseconds since 1970"
        )),
    }
}

fn check_row(image: &str, row: &Value) -> Result<(), String> {
    if !row.is_object() {
        return Err(format!("`{image}` is {row}: a row is a JSON object"));
    }
    for column in ["name", "email", "country_code"] {
        match &row[column] {
            Value::Null => {}
            Value::String(text) if text.contains('\0') => {
                return Err(format!(
                    "`{image}.{column}` holds a zero byte, which Postgres cannot store"
                ));
            }
            Value::String(_) => {}
            other => return Err(format!("`{image}.{column}` is {other}: it is text")),
        }
    }
    Ok(())
}

/// The key of an event that is sent unchecked, as far as it has one.
pub fn key(event: &[u8]) -> Option<i64> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let id = |image: &str| event.get(image)?.get("user_id")?.as_i64();
    id("after").or_else(|| id("before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_makes_an_event_unusable_is_named() {
        let row = r#"{"user_id":1,"name":"n","email":"e","country_code":"US"}"#;
        let good = format!(r#"{{"op":"c","before":null,"after":{row},"timestamp_ms":1}}"#);
        assert_eq!(check(good.as_bytes()), Ok(1));
        let delete = format!(r#"{{"op":"d","before":{row},"timestamp_ms":1}}"#);
        assert_eq!(check(delete.as_bytes()), Ok(1));
        for (from, to, named) in [
            ("\"op\":\"c\"", "\"op\":\"x\"", "`op` is \"x\""),
            ("\"op\":\"c\",", "", "`op` is missing"),
            ("\"op\":\"c\"", "\"op\":\"d\"", "`before` is missing"),
            ("\"user_id\":1,", "", "`after.user_id` is missing"),
            ("\"user_id\":1", "\"user_id\":1.5", "`after.user_id` is 1.5"),
            (",\"timestamp_ms\":1", "", "`timestamp_ms` is missing"),
            ("_ms\":1", "_ms\":\"1\"", "`timestamp_ms` is \"1\""),
            ("\"name\":\"n\"", "\"name\":3", "`after.name` is 3"),
            (
                "\"name\":\"n\"",
                "\"name\":\"\\u0000\"",
                "`after.name` holds a zero byte",
            ),
            ("\"before\":null", "\"before\":[]", "`before` is []"),
            ("}", "", "no valid JSON"),
        ] {
            let bad = good.replacen(from, to, 1);
            let error = check(bad.as_bytes()).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
