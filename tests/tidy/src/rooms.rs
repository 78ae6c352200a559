//! Imports between the rooms of the program run one way.
//!
//! The order stands in the documentation of the program's `lib.rs`, for people, and is read from
//! there: a block of text behind a line that says "Imports run one way". Each of its lines is a
//! floor, from the top down: one or more rooms with commas between them, then, behind at least
//! two spaces, what they are for. A room may use what stands on lower floors, and nothing beside
//! or above it. The crates of the project stand there as well, below the rooms.

use std::collections::BTreeSet;

use crate::fault::Fault;
use crate::source::SourceFile;

/// The file whose documentation is the map.
pub const MAP: &str = "runtime/src/lib.rs";

/// What announces the map.
const TITLE: &str = "Imports run one way";

/// The rooms of each floor, from the top down.
#[derive(Debug)]
pub struct Map {
    floors: Vec<Vec<String>>,
}

impl Map {
    /// Reads the map from the documentation of a file.
    ///
    /// # Errors
    ///
    /// When there is none, or when a room stands there twice.
    pub fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        let documentation = text.lines().map_while(|line| line.strip_prefix("//!"));
        let block = documentation
            .skip_while(|line| !line.contains(TITLE))
            .skip_while(|line| !line.starts_with(" ```"))
            .skip(1)
            .take_while(|line| !line.starts_with(" ```"));
        // A line that starts with two spaces goes on with what the one above says.
        let floors: Vec<Vec<String>> = block
            .filter_map(|line| line.strip_prefix(' '))
            .filter(|line| !line.is_empty() && !line.starts_with(' '))
            .map(|line| {
                let rooms = line.split("  ").next().unwrap_or_default();
                rooms
                    .split(',')
                    .map(|room| room.trim().to_owned())
                    .collect()
            })
            .collect();
        if floors.is_empty() {
            let what = format!("no block of rooms behind a line with \"{TITLE}\"");
            return Err(Fault::new(file, 0, what));
        }
        let mut seen = BTreeSet::new();
        match floors.iter().flatten().find(|room| !seen.insert(*room)) {
            Some(twice) => Err(Fault::new(
                file,
                0,
                format!("{twice} stands in the map twice"),
            )),
            None => Ok(Self { floors }),
        }
    }

    /// The floor of a room, counted from the top.
    pub fn floor(&self, room: &str) -> Option<usize> {
        self.floors
            .iter()
            .position(|floor| floor.iter().any(|name| name == room))
    }

    #[cfg(test)]
    pub(crate) fn of(floors: &[&[&str]]) -> Self {
        let owned = |rooms: &&[&str]| rooms.iter().map(|room| (*room).to_owned()).collect();
        Self {
            floors: floors.iter().map(owned).collect(),
        }
    }
}

/// A fault for each path that leads from a room to one which is not below it, and for each room
/// that the map lacks. The root itself, `lib.rs`, may be used by all and uses none.
pub fn check(map: &Map, files: &[SourceFile]) -> Vec<Fault> {
    let roots = files
        .iter()
        .filter(|source| source.file.ends_with("/lib.rs"));
    let rooms: BTreeSet<_> = roots.flat_map(|root| &root.children).cloned().collect();
    let lacking = rooms.iter().filter(|room| map.floor(room).is_none());
    let mut faults: Vec<_> = lacking
        .map(|room| Fault::new(MAP, 0, format!("the room {room} does not stand in the map")))
        .collect();
    for source in files {
        let Some(from) = source.module.first() else {
            continue;
        };
        let imports = source.imports.iter().map(|import| &import.named);
        for named in imports.chain(&source.paths) {
            let target = absolute(&source.module, &named.path);
            let Some(to) = target
                .first()
                .filter(|to| rooms.contains(*to) && *to != from)
            else {
                continue;
            };
            let (above, below) = (map.floor(from), map.floor(to));
            if let (Some(above), Some(below)) = (above, below)
                && below <= above
            {
                let path = named.path.join("::");
                let what = format!("{from} -> {to}, which is not below ({path})");
                faults.push(Fault::new(&source.file, named.line, what));
            }
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// A path from the crate's root; empty when it leads elsewhere.
fn absolute(module: &[String], path: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    match path.first().map(String::as_str) {
        Some("crate") => path[1..].to_vec(),
        Some("super") if ups <= module.len() => {
            let base = &module[..module.len() - ups];
            base.iter().chain(&path[ups..]).cloned().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    const TEXT: &str = "//! # Rooms\n//!\n//! Imports run one way:\n//!\n//! ```text\n\
                        //! cli          renders\n//!              and parses\n\
                        //! ops, demo\n//! partition\n//! ```\nmod cli;\n";

    fn program(room: &str, text: &str) -> Vec<SourceFile> {
        let root = "mod cli;\nmod ops;\nmod demo;\nmod partition;";
        vec![
            parse("runtime/src/lib.rs", root),
            parse(&format!("runtime/src/{room}/file.rs"), text),
        ]
    }

    fn faults(room: &str, text: &str) -> Vec<String> {
        let map = Map::parse(MAP, TEXT).expect("a map");
        let found = check(&map, &program(room, text));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_use_of_an_upper_room_is_named_with_its_arrow() {
        let expected = "runtime/src/partition/file.rs:2: \
                        partition -> cli, which is not below (crate::cli::Table)";
        let text = "use crate::partition::x;\nuse crate::cli::Table;";
        assert_eq!(faults("partition", text), [expected]);
        assert_eq!(
            faults("partition", "fn f() { super::super::ops::go() }").len(),
            1
        );
    }

    #[test]
    fn a_use_of_a_lower_room_is_fine() {
        assert!(faults("cli", "use crate::{ops, partition::{Worker}};").is_empty());
    }

    #[test]
    fn rooms_of_one_floor_do_not_know_each_other() {
        assert_eq!(faults("demo", "use crate::ops::Swap;").len(), 1);
    }

    #[test]
    fn a_room_that_the_map_lacks_is_named() {
        let map = Map::of(&[&["cli", "ops", "demo"]]);
        let found = check(&map, &program("cli", ""));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("partition"));
    }

    #[test]
    fn a_program_without_a_map_is_a_fault() {
        assert!(Map::parse(MAP, "//! Nothing here.\n").is_err());
        let twice = TEXT.replace("ops, demo", "ops, cli");
        assert!(Map::parse(MAP, &twice).is_err());
    }
}
