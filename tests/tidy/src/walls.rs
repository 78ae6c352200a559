//! Each big dependency belongs to one crate of the program, and its crates depend one way.
//!
//! The compiler keeps the rest: what a manifest does not name, the code cannot use.

use crate::fault::Fault;
use crate::manifest::dependencies;
use crate::rooms::Map;

/// A dependency, and the one folder of the program whose manifest may name it.
const WALLS: [(&str, &str); 3] = [
    ("rdkafka", "runtime/kafka"),
    ("tokio-postgres", "runtime/postgres"),
    ("wasmtime", "runtime/sandbox"),
];

/// The program's manifests. Tests and benchmarks may use servers' clients themselves.
pub fn is_checked(file: &str) -> bool {
    file.starts_with("runtime/") && file.ends_with("/Cargo.toml") && !file.contains("/template/")
}

/// A fault for each manifest that names a dependency behind another crate's wall.
pub fn check(manifests: &[(String, String)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (file, text) in manifests {
        let folder = file.trim_end_matches("/Cargo.toml");
        for (name, line) in dependencies(text) {
            let wall = WALLS.iter().find(|(walled, _)| *walled == name);
            if let Some((_, home)) = wall.filter(|(_, home)| *home != folder) {
                faults.push(Fault::new(
                    file,
                    line,
                    format!("{name} is used in {home} alone"),
                ));
            }
        }
    }
    faults
}

/// A fault for each crate of the project that names one which the map does not put below it.
pub fn check_order(map: &Map, manifests: &[(String, String)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (file, text) in manifests {
        let name = text.lines().find_map(|line| line.strip_prefix("name = "));
        let from = name.unwrap_or_default().trim_matches('"').replace('-', "_");
        // The program stands above all crates: its own rooms are the map's upper floors.
        let Some(from_floor) = map.floor(&from) else {
            continue;
        };
        for (dependency, line) in dependencies(text) {
            let to = dependency.replace('-', "_");
            if map.floor(&to).is_some_and(|floor| floor <= from_floor) {
                faults.push(Fault::new(
                    file,
                    line,
                    format!("{from} -> {to}, which is not below"),
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(folder: &str, name: &str, dependency: &str) -> (String, String) {
        let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependency} = \"1\"\n");
        (format!("{folder}/Cargo.toml"), text)
    }

    #[test]
    fn a_dependency_outside_of_its_wall_is_named() {
        let outside = manifest("runtime", "gristmill", "wasmtime");
        let inside = manifest("runtime/sandbox", "gristmill-sandbox", "wasmtime");
        let faults = check(&[outside, inside]);
        assert_eq!(faults.len(), 1);
        let printed = faults[0].to_string();
        assert_eq!(
            printed,
            "runtime/Cargo.toml:4: wasmtime is used in runtime/sandbox alone"
        );
    }

    #[test]
    fn a_crate_that_depends_upwards_is_named() {
        let map = Map::of(&[&["cli"], &["gristmill_kafka"], &["gristmill_core"]]);
        let up = manifest("runtime/core", "gristmill-core", "gristmill-kafka");
        let down = manifest("runtime/kafka", "gristmill-kafka", "gristmill-core");
        let faults = check_order(&map, &[up, down]);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0]
                .what
                .starts_with("gristmill_core -> gristmill_kafka")
        );
    }
}
