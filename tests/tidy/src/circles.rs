//! No files of a crate import each other in a circle.
//!
//! An arrow leads from a file to the one that declares what it names, also where a third file
//! passes the name on by `pub use`. Passing on alone is no arrow.

use std::collections::{BTreeMap, VecDeque};

use crate::fault::Fault;
use crate::source::{Import, SourceFile};

/// How often a name may be passed on before the search gives up.
const HOPS: usize = 8;

/// A crate's files by their modules.
struct Modules<'a> {
    files: BTreeMap<&'a [String], usize>,
    sources: &'a [SourceFile],
}

/// An arrow: where it leads, and the line and the path that make it.
type Arrow = (usize, usize, String);

/// A fault for each circle: one for every group of files that all reach each other.
pub fn check(sources: &[SourceFile]) -> Vec<Fault> {
    let modules = Modules {
        files: (sources.iter().enumerate())
            .filter(|(_, source)| !source.file.ends_with("/main.rs"))
            .map(|(at, source)| (source.module.as_slice(), at))
            .collect(),
        sources,
    };
    let arrows: Vec<_> = (0..sources.len()).map(|at| modules.arrows(at)).collect();
    let mut is_told = vec![false; sources.len()];
    let mut faults = Vec::new();
    for start in 0..sources.len() {
        if is_told[start] {
            continue;
        }
        if let Some(circle) = shortest_circle(&arrows, start) {
            for (at, is_told) in is_told.iter_mut().enumerate() {
                *is_told |= reaches(&arrows, start, at) && reaches(&arrows, at, start);
            }
            faults.push(describe(sources, &arrows, &circle));
        }
    }
    faults
}

impl Modules<'_> {
    /// The arrows that leave a file, one for each file that it needs.
    fn arrows(&self, at: usize) -> Vec<Arrow> {
        let source = &self.sources[at];
        let is_use = |import: &&Import| !import.is_public || source.words.contains(&import.alias);
        let imports = source
            .imports
            .iter()
            .filter(is_use)
            .map(|import| &import.named);
        let mut arrows: BTreeMap<usize, (usize, String)> = BTreeMap::new();
        for named in imports.chain(&source.paths) {
            let target = self.home(&source.module, &named.path, HOPS);
            if let Some(to) = target.filter(|to| *to != at) {
                let written = || (named.line, named.path.join("::"));
                arrows.entry(to).or_insert_with(written);
            }
        }
        let flat = arrows.into_iter();
        flat.map(|(to, (line, path))| (to, line, path)).collect()
    }

    /// The file that declares what `path` names in `module`; none for another crate's.
    fn home(&self, module: &[String], path: &[String], hops: usize) -> Option<usize> {
        if hops == 0 {
            return None;
        }
        let first = path.first()?;
        let source = &self.sources[*self.files.get(module)?];
        let ups = path.iter().take_while(|name| *name == "super").count();
        match first.as_str() {
            "crate" => self.descend(Vec::new(), &path[1..], hops),
            "self" => self.descend(module.to_vec(), &path[1..], hops),
            "super" => {
                let parent = module.len().checked_sub(ups)?;
                self.descend(module[..parent].to_vec(), &path[ups..], hops)
            }
            _ if source.children.contains(first) => self.descend(module.to_vec(), path, hops),
            _ => {
                let import = source
                    .imports
                    .iter()
                    .find(|import| import.alias == *first)?;
                let whole = [&import.named.path, &path[1..]].concat();
                // `use x::x` and the like name another crate.
                (whole.first() != Some(first)).then(|| self.home(module, &whole, hops - 1))?
            }
        }
    }

    /// Goes down from a module as far as the path names modules, then finds the item.
    fn descend(&self, mut module: Vec<String>, path: &[String], hops: usize) -> Option<usize> {
        let mut rest = path;
        while let Some((name, further)) = rest.split_first() {
            module.push(name.clone());
            if !self.files.contains_key(module.as_slice()) {
                module.pop();
                break;
            }
            rest = further;
        }
        let at = *self.files.get(module.as_slice())?;
        let Some(item) = rest.first() else {
            return Some(at);
        };
        let source = &self.sources[at];
        if source.items.contains(item) {
            return Some(at);
        }
        let passed_on = source.imports.iter().find(|import| import.alias == *item);
        if let Some(import) = passed_on {
            let whole = [&import.named.path, &rest[1..]].concat();
            return self.home(&module, &whole, hops - 1);
        }
        // Behind a `*`: the first whose file declares the item.
        let stars = source.imports.iter().filter(|import| import.alias == "*");
        let behind = stars.filter_map(|star| self.home(&module, &star.named.path, hops - 1));
        let declares = |at: &usize| self.sources[*at].items.contains(item);
        Some(
            behind
                .filter(|found| *found != at)
                .find(declares)
                .unwrap_or(at),
        )
    }
}

/// Whether a way leads from one file to another.
fn reaches(arrows: &[Vec<Arrow>], from: usize, to: usize) -> bool {
    !way(arrows, from, to).is_empty()
}

/// The files of the shortest circle through `start`, which stands at both ends.
fn shortest_circle(arrows: &[Vec<Arrow>], start: usize) -> Option<Vec<usize>> {
    let way = way(arrows, start, start);
    (!way.is_empty()).then_some(way)
}

/// The shortest way of at least one arrow, with both ends; empty when there is none.
fn way(arrows: &[Vec<Arrow>], from: usize, to: usize) -> Vec<usize> {
    let mut came_from = vec![None; arrows.len()];
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        for (next, ..) in &arrows[at] {
            if came_from[*next].is_none() {
                came_from[*next] = Some(at);
                queue.push_back(*next);
            }
        }
        if came_from[to].is_some() {
            break;
        }
    }
    let mut way = vec![to];
    let mut at = to;
    while let Some(before) = came_from[at] {
        way.push(before);
        if before == from {
            way.reverse();
            return way;
        }
        at = before;
    }
    Vec::new()
}

/// The circle arrow by arrow, at its first file.
fn describe(sources: &[SourceFile], arrows: &[Vec<Arrow>], circle: &[usize]) -> Fault {
    let mut what = "a circle:".to_owned();
    let mut first = 0;
    for pair in circle.windows(2) {
        let found = arrows[pair[0]].iter().find(|(to, ..)| *to == pair[1]);
        let (_, line, path) = found.expect("an arrow of the circle");
        first = if first == 0 { *line } else { first };
        let from = &sources[pair[0]].file;
        let to = &sources[pair[1]].file;
        what += &format!("\n    {from}:{line} -> {to} ({path})");
    }
    Fault::new(&sources[circle[0]].file, first, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let parsed = files.iter();
        let sources: Vec<_> = parsed.map(|(file, text)| parse(file, text)).collect();
        check(&sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_circle_is_named_arrow_by_arrow() {
        let found = faults(&[
            ("x/src/lib.rs", "mod a;\nmod b;\nmod c;"),
            ("x/src/a.rs", "use crate::b::B;\npub struct A;"),
            ("x/src/b.rs", "pub struct B;\nfn f() { super::c::g() }"),
            ("x/src/c.rs", "use crate::{\n  a::A};\npub fn g() {}"),
        ]);
        let expected = "x/src/a.rs:1: a circle:\
                        \n    x/src/a.rs:1 -> x/src/b.rs (crate::b::B)\
                        \n    x/src/b.rs:2 -> x/src/c.rs (super::c::g)\
                        \n    x/src/c.rs:2 -> x/src/a.rs (crate::a::A)";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_name_passed_on_is_an_arrow_to_where_it_is_declared() {
        let root = ("x/src/lib.rs", "mod a;");
        let parent = ("x/src/a/mod.rs", "mod b;\nmod c;\npub use b::B;");
        let b = ("x/src/a/b.rs", "pub struct B;\nuse super::c::C;");
        let c = ("x/src/a/c.rs", "pub struct C;\nuse super::B;");
        assert_eq!(faults(&[root, parent, b, c]).len(), 1);
        let c = ("x/src/a/c.rs", "pub struct C;");
        assert!(faults(&[root, parent, b, c]).is_empty());
    }

    #[test]
    fn a_parent_and_its_child_may_not_use_each_other() {
        let root = ("x/src/lib.rs", "mod a;");
        let parent = (
            "x/src/a/mod.rs",
            "mod b;\npub struct A;\nfn f() { b::go() }",
        );
        let child = ("x/src/a/b.rs", "pub fn go() {}\nfn g(_: super::A) {}");
        assert_eq!(faults(&[root, parent, child]).len(), 1);
    }
}
