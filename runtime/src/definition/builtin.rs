//! What is embedded in the binary, under `builtin:` in a pipeline file: the shipped transforms and
//! the demo's data.

/// The shipped transforms, as listed in `build.rs`, as the compiler left them: core modules, which
/// the sandbox makes components.
const MODULES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// Reads what its config names and writes nothing: what a call costs before a rule does anything.
/// Not for pipelines.
pub const EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.wasm"));

/// The shipped transform called `name`.
pub fn component(name: &str) -> Option<&'static [u8]> {
    let (_, module) = MODULES.iter().find(|(known, _)| *known == name)?;
    Some(module)
}

/// The shipped transform called `name`; the error names those that there are.
pub fn named_component(name: &str) -> anyhow::Result<&'static [u8]> {
    component(name).ok_or_else(|| {
        anyhow::anyhow!(
            "there is no builtin component `{name}`: there are {}",
            names().collect::<Vec<_>>().join(", ")
        )
    })
}

/// The names of the shipped transforms, in an order in which a pipeline can run them.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name)
}

/// The shipped data called `name`: `countries` (CSV with a header: the countries of the sample),
/// `locales` (CSV: each country of ISO 3166 with its currency and the time zone of its capital or
/// of most of its people, as of November 2026), `sample_events` (a JSON array), `users_enriched`
/// (SQL: the table of the demo's pipeline).
pub fn data(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "countries" => include_bytes!("../../../data/countries.csv"),
        "locales" => include_bytes!("../../../data/locales.csv"),
        "users_enriched" => include_bytes!("../../../schema/users_enriched.sql"),
        "sample_events" => include_bytes!("../../../data/sample_events.json"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_core_module() {
        for name in names() {
            let module = component(name).unwrap();
            assert_eq!(module[..8], *b"\0asm\x01\0\0\0", "{name}");
        }
        assert_eq!(component("normalize"), None);
    }

    #[test]
    fn every_country_has_one_locale() {
        let locales = std::str::from_utf8(data("locales").unwrap()).unwrap();
        let rows: Vec<Vec<&str>> = locales.lines().map(|l| l.split(',').collect()).collect();
        assert_eq!(rows[0], ["country_code", "currency", "time_zone"]);
        assert_eq!(rows.len() - 1, 249, "countries of ISO 3166");
        let is_code = |text: &str, len| {
            text.len() == len && text.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        for pair in rows[1..].windows(2) {
            assert!(pair[0][0] < pair[1][0], "{pair:?}");
        }
        for row in &rows[1..] {
            let [code, currency, time_zone] = row[..] else {
                panic!("{row:?}")
            };
            assert!(is_code(code, 2), "{row:?}");
            assert!(currency.is_empty() || is_code(currency, 3), "{row:?}");
            assert!(time_zone.is_empty() || time_zone.contains('/'), "{row:?}");
        }
    }
}
