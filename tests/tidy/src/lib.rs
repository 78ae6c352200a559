//! What neither the compiler nor a linter checks about this repository's sources.
//!
//! - [`lines`]: no line is longer than 100 columns.
//! - [`rooms`]: imports run one way, in the order that the program's `lib.rs` gives.
//! - [`circles`]: no files of a crate import each other in a circle.
//! - [`walls`]: each big dependency belongs to one crate, and crates depend one way, too.
//! - [`names`]: no file name and no type name stands twice in the program.
//! - [`prints`]: only the command line and the demo print.
//! - [`features`]: a build and the tests share every dependency.
//! - [`reasons`]: each dependency of the workspace says why it is there.
//!
//! Each rule is a function from text to faults, so that its own tests show it failing on a small
//! example; the tests at the end of this file apply all of them to the repository.

pub mod circles;
pub mod fault;
pub mod features;
pub mod lines;
pub mod manifest;
pub mod names;
pub mod prints;
pub mod reasons;
pub mod repository;
pub mod rooms;
pub mod source;
pub mod walls;

#[cfg(test)]
mod tests {
    use crate::fault::none;
    use crate::repository::{features as features_of, read, read_all, tracked};
    use crate::rooms::Map;
    use crate::source::program;
    use crate::{circles, features, lines, names, prints, reasons, rooms, walls};

    #[test]
    fn no_line_is_too_long() {
        let texts = read_all(lines::is_checked);
        none(
            texts
                .iter()
                .flat_map(|(file, text)| lines::check(file, text)),
        );
    }

    #[test]
    fn imports_run_one_way() {
        none(match Map::parse(rooms::MAP, &read(rooms::MAP)) {
            Ok(map) => {
                let mut faults = rooms::check(&map, &program("runtime/src"));
                faults.extend(walls::check_order(&map, &read_all(walls::is_checked)));
                faults
            }
            Err(fault) => vec![fault],
        });
    }

    #[test]
    fn no_files_import_each_other_in_a_circle() {
        let manifests = tracked(walls::is_checked);
        let crates = manifests.iter().map(|m| m.replace("Cargo.toml", "src"));
        none(crates.flat_map(|folder| circles::check(&program(&folder))));
    }

    #[test]
    fn each_big_dependency_belongs_to_one_crate() {
        none(walls::check(&read_all(walls::is_checked)));
    }

    #[test]
    fn no_file_name_stands_twice() {
        none(names::check_files(&program("runtime")));
    }

    #[test]
    fn no_type_name_stands_twice() {
        none(names::check_types(&program("runtime")));
    }

    #[test]
    fn only_the_command_line_and_the_demo_print() {
        none(prints::check(&program("runtime")));
    }

    #[test]
    fn a_build_and_the_tests_share_every_dependency() {
        none(features::check(&features_of("no-dev"), &features_of("all")));
    }

    #[test]
    fn each_dependency_says_why() {
        none(reasons::check("Cargo.toml", &read("Cargo.toml")));
    }
}
