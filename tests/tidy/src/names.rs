//! No file name and no type name stands twice in the program, so that a name finds one thing.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::source::SourceFile;

/// File names that Rust itself gives.
const GIVEN: [&str; 4] = ["mod.rs", "lib.rs", "main.rs", "build.rs"];

/// The arguments and the subcommands of one command each: clap's custom, in files below `cli`.
const COMMANDS: [&str; 2] = ["Args", "Command"];

/// A fault for each file whose name an earlier file has.
pub fn check_files(files: &[SourceFile]) -> Vec<Fault> {
    let names = files.iter().filter_map(|source| {
        let (_, name) = source.file.rsplit_once('/')?;
        (!GIVEN.contains(&name)).then(|| (name.to_owned(), (source.file.as_str(), 0)))
    });
    twice(names)
}

/// A fault for each type whose name an earlier type has. Types that only their own file sees may
/// be called alike.
pub fn check_types(files: &[SourceFile]) -> Vec<Fault> {
    let names = files.iter().flat_map(|source| {
        let is_command = source.file.contains("/cli/");
        let seen = source.types.iter().filter(|declared| declared.is_public);
        seen.filter(move |declared| !(is_command && COMMANDS.contains(&declared.name.as_str())))
            .map(|declared| (declared.name.clone(), (source.file.as_str(), declared.line)))
    });
    twice(names)
}

/// A fault for each name that stood at another place before.
fn twice<'a>(names: impl Iterator<Item = (String, (&'a str, usize))>) -> Vec<Fault> {
    let mut first = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, place) in names {
        match first.get(&name) {
            None => drop(first.insert(name, place)),
            Some((other, _)) => {
                let what = format!("{name} stands in {other}, too");
                faults.push(Fault::new(place.0, place.1, what));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    fn printed(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_name_that_stands_twice_is_named() {
        let files = [
            "runtime/src/a/x.rs",
            "runtime/core/src/x.rs",
            "runtime/src/mod.rs",
        ];
        let files = files.map(|file| parse(file, ""));
        let expected = "runtime/core/src/x.rs: x.rs stands in runtime/src/a/x.rs, too";
        assert_eq!(printed(&check_files(&files)), [expected]);
    }

    #[test]
    fn a_type_name_that_stands_twice_is_named() {
        let files = [
            parse("runtime/src/a.rs", "pub struct Held;\nstruct Local;"),
            parse("runtime/src/b.rs", "struct Local;\npub(super) enum Held {}"),
        ];
        let expected = "runtime/src/b.rs:2: Held stands in runtime/src/a.rs, too";
        assert_eq!(printed(&check_types(&files)), [expected]);
    }

    #[test]
    fn the_arguments_of_commands_may_be_called_alike() {
        let commands = ["runtime/src/cli/a.rs", "runtime/src/cli/b.rs"];
        assert_eq!(
            check_types(&commands.map(|file| parse(file, "pub struct Args;"))),
            []
        );
        let elsewhere = ["runtime/src/ops/a.rs", "runtime/src/ops/b.rs"];
        assert_eq!(
            check_types(&elsewhere.map(|file| parse(file, "pub struct Args;"))).len(),
            1
        );
    }
}
