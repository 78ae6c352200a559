//! What is embedded in the binary, under `builtin:` in a pipeline file: the shipped transforms and the demo's data.

/// A transform as the compiler left it: a core module, which the sandbox makes a component.
macro_rules! module {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm"))
    };
}

const NAMES: [&str; 3] = ["normalize-cdc", "enrich-country", "enrich-email"];

/// The shipped transform called `name`.
pub fn component(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "normalize-cdc" => module!("normalize-cdc"),
        "enrich-country" => module!("enrich-country"),
        "enrich-email" => module!("enrich-email"),
        _ => return None,
    })
}

/// The names of the shipped transforms, in the order in which a pipeline runs them.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// The shipped data called `name`: `countries` (CSV with a header), `sample_events` (a JSON array).
pub fn data(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "countries" => include_bytes!("../../data/countries.csv"),
        "sample_events" => include_bytes!("../../data/sample_events.json"),
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
}
