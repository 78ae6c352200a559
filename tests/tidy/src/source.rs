//! The sources of a crate: which file is which module, what it declares, and which paths it names.
//!
//! Unit tests are left out: what stands under `#[cfg(test)]`, and files named `tests`.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::repository::read_all;

/// One file of a crate.
#[derive(Debug, Default)]
pub struct SourceFile {
    /// Relative to the top of the repository.
    pub file: String,
    /// The names of the modules that lead to it, from the crate's root.
    pub module: Vec<String>,
    /// The types at the level of a module.
    pub types: Vec<Type>,
    /// Everything declared at the level of a module, but for `use`.
    pub items: BTreeSet<String>,
    /// The modules that it declares.
    pub children: BTreeSet<String>,
    pub imports: Vec<Import>,
    /// The paths that the code names outside of `use`.
    pub paths: Vec<Named>,
    /// The words that the code uses outside of `use`.
    pub words: BTreeSet<String>,
    /// The macros that the code calls, each with the first line that does.
    pub macros: BTreeMap<String, usize>,
}

/// A declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    pub name: String,
    pub line: usize,
    /// Whether it is `pub`, at least for other modules of the crate.
    pub is_public: bool,
}

/// A leaf of a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub named: Named,
    /// The name that it brings into scope; `*` for all names.
    pub alias: String,
    /// Whether it is `pub`, at least for other modules of the crate.
    pub is_public: bool,
}

/// A path as it is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
}

/// The files below a folder but for unit tests. `src` need not be the end of the folder's name.
pub fn program(folder: &str) -> Vec<SourceFile> {
    let is_source = |file: &str| {
        file.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/') && rest.ends_with(".rs") && !is_test(rest))
            && file.contains("/src/")
            && !file.contains("/template/")
    };
    let texts = read_all(is_source).into_iter();
    texts.map(|(file, text)| parse(&file, &text)).collect()
}

/// Whether a file holds unit tests only.
fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

/// Reads one file.
///
/// # Panics
///
/// When its brackets do not match, so that it is not Rust.
pub fn parse(file: &str, text: &str) -> SourceFile {
    let tokens = TokenStream::from_str(text);
    let tokens = tokens.unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut source = SourceFile {
        file: file.to_owned(),
        module: module_of(file),
        ..SourceFile::default()
    };
    source.read(tokens, true);
    source
}

/// `runtime/src/a/b.rs` and `runtime/src/a/b/mod.rs` are both the module `a::b`.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.rsplit_once("/src/").map_or(file, |(_, inside)| inside);
    let mut names: Vec<_> = inside.trim_end_matches(".rs").split('/').collect();
    if matches!(names.last(), Some(&("mod" | "lib" | "main"))) {
        names.pop();
    }
    names.into_iter().map(str::to_owned).collect()
}

impl SourceFile {
    /// Whether a type of a crate's root stands here: `lib.rs` or `main.rs`.
    pub fn is_root(&self) -> bool {
        self.module.is_empty()
    }

    /// Reads one level of brackets. At the top, `struct NAME` and the like declare an item.
    fn read(&mut self, tokens: TokenStream, is_top: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        let mut is_public = false;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let (next, is_test) = attribute(&tokens, at);
                    at = if is_test {
                        item_end(&tokens, next)
                    } else {
                        next
                    };
                    continue;
                }
                TokenTree::Group(group) => {
                    // `pub(crate)`: what is public stays so behind it.
                    if !(is_public && group.delimiter() == Delimiter::Parenthesis) {
                        is_public = false;
                    }
                    self.read(group.stream(), false);
                }
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    match word.as_str() {
                        "pub" => is_public = true,
                        "use" => {
                            let end = end_of(&tokens, at);
                            let mut prefix = Vec::new();
                            self.read_use(&tokens[at + 1..end], &mut prefix, is_public);
                            (at, is_public) = (end + 1, false);
                            continue;
                        }
                        "mod" if is_top => {
                            at = self.read_module(&tokens, at);
                            is_public = false;
                            continue;
                        }
                        _ => {
                            at = self.read_word(&tokens, at, is_top, is_public);
                            continue;
                        }
                    }
                }
                _ => is_public = false,
            }
            at += 1;
        }
    }

    /// `mod NAME;` declares a child, `mod NAME { .. }` is read as part of the file.
    fn read_module(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        if let Some(TokenTree::Ident(name)) = tokens.get(at + 1) {
            match tokens.get(at + 2) {
                Some(TokenTree::Group(body)) => self.read(body.stream(), true),
                _ => drop(self.children.insert(name.to_string())),
            }
        }
        at + 3
    }

    /// A word that is no keyword of `use` or `mod`: a declaration, or the start of a path.
    fn read_word(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        is_top: bool,
        is_public: bool,
    ) -> usize {
        const TYPES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
        const OTHERS: [&str; 3] = ["fn", "const", "static"];
        let word = tokens[at].to_string();
        if let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
            && is_top
        {
            let line = name.span().start().line;
            if TYPES.contains(&word.as_str()) {
                let name = name.to_string();
                self.items.insert(name.clone());
                self.types.push(Type {
                    name,
                    line,
                    is_public,
                });
                return at + 2;
            }
            if OTHERS.contains(&word.as_str()) {
                self.items.insert(name.to_string());
            }
        }
        let line = tokens[at].span().start().line;
        let is_global = at >= 2 && is_colons(tokens, at - 2);
        let mut path = vec![word.clone()];
        let mut end = at + 1;
        while is_colons(tokens, end)
            && let Some(TokenTree::Ident(next)) = tokens.get(end + 2)
        {
            path.push(next.to_string());
            end += 3;
        }
        if tokens.get(end).is_some_and(|token| is_punct(token, '!')) {
            self.macros.entry(word.clone()).or_insert(line);
        }
        self.words.insert(word);
        if path.len() > 1 && !is_global {
            self.paths.push(Named { path, line });
        }
        end
    }

    /// One level of the tree of a `use`: `a::b`, `a::{b, c as d}`, `a::*`.
    fn read_use(&mut self, tokens: &[TokenTree], prefix: &mut Vec<String>, is_public: bool) {
        let depth = prefix.len();
        for branch in tokens.split(|token| is_punct(token, ',')) {
            let mut alias = None;
            let mut line = 0;
            let mut branch_ends_in_group = false;
            let mut at = 0;
            while at < branch.len() {
                match &branch[at] {
                    TokenTree::Ident(word) if word == "as" => {
                        alias = branch.get(at + 1).map(ToString::to_string);
                        at += 1;
                    }
                    TokenTree::Ident(word) => {
                        line = word.span().start().line;
                        prefix.push(word.to_string());
                    }
                    TokenTree::Punct(star) if star.as_char() == '*' => {
                        line = star.span().start().line;
                        alias = Some("*".to_owned());
                    }
                    TokenTree::Group(group) => {
                        let inner: Vec<_> = group.stream().into_iter().collect();
                        self.read_use(&inner, prefix, is_public);
                        branch_ends_in_group = true;
                    }
                    _ => {}
                }
                at += 1;
            }
            if line > 0 && !branch_ends_in_group {
                self.import(prefix.clone(), line, alias, is_public);
            }
            prefix.truncate(depth);
        }
    }

    fn import(
        &mut self,
        mut path: Vec<String>,
        line: usize,
        alias: Option<String>,
        is_public: bool,
    ) {
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        self.imports.push(Import {
            named: Named { path, line },
            alias,
            is_public,
        });
    }
}

/// Where the attribute at `at` ends, and whether it is `#[cfg(test)]`.
fn attribute(tokens: &[TokenTree], at: usize) -> (usize, bool) {
    let bracket = tokens[at + 1..].iter().take(2).position(is_bracket);
    let Some(offset) = bracket else {
        return (at + 1, false);
    };
    let end = at + 1 + offset;
    let text: String = tokens[end].to_string().split_whitespace().collect();
    (end + 1, text.starts_with("[cfg(test)"))
}

/// Behind the item that starts at `at`, with its further attributes.
fn item_end(tokens: &[TokenTree], mut at: usize) -> usize {
    while at < tokens.len() {
        let is_body = matches!(&tokens[at], TokenTree::Group(g) if is_braces(g));
        if is_body || is_punct(&tokens[at], ';') {
            return at + 1;
        }
        at += 1;
    }
    at
}

/// The next `;` from `at` on.
fn end_of(tokens: &[TokenTree], at: usize) -> usize {
    let rest = tokens[at..].iter();
    at + rest.take_while(|token| !is_punct(token, ';')).count()
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    is_colon(at) && is_colon(at + 1)
}

fn is_bracket(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket)
}

fn is_braces(group: &Group) -> bool {
    group.delimiter() == Delimiter::Brace
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(String, usize)> {
        let source = parse("runtime/src/a/b.rs", text);
        let imports = source.imports.iter().map(|import| &import.named);
        imports
            .chain(&source.paths)
            .map(|named| (named.path.join("::"), named.line))
            .collect()
    }

    fn named(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
        let owned = expected.iter();
        owned
            .map(|(path, line)| ((*path).to_owned(), *line))
            .collect()
    }

    #[test]
    fn a_file_is_a_module() {
        assert_eq!(module_of("runtime/src/a/b.rs"), ["a", "b"]);
        assert_eq!(module_of("runtime/kafka/src/a/mod.rs"), ["a"]);
        assert!(module_of("runtime/src/lib.rs").is_empty());
    }

    #[test]
    fn a_tree_of_imports_is_read_leaf_by_leaf() {
        let text = "use crate::{\n  x::{self, Y as Z},\n  w::*,\n};\nuse std::fmt;";
        let expected = [
            ("crate::x", 2),
            ("crate::x::Y", 2),
            ("crate::w", 3),
            ("std::fmt", 5),
        ];
        assert_eq!(paths(text), named(&expected));
    }

    #[test]
    fn paths_in_code_count_and_those_in_comments_strings_and_tests_do_not() {
        let text = "// crate::no\n\
                    fn f() -> crate::x::Y { go!(\"crate::no\", super::z::w()) }\n\
                    #[cfg(test)]\nmod tests { use crate::no; }";
        assert_eq!(
            paths(text),
            named(&[("crate::x::Y", 2), ("super::z::w", 2)])
        );
    }

    #[test]
    fn types_count_at_the_level_of_a_module_only() {
        let text = "pub(crate) struct A;\nmod inner { enum B {} }\n\
                    impl T for A { type C = u8; }\nfn f() { struct D; }";
        let source = parse("runtime/src/a.rs", text);
        let types = source.types.iter();
        let types: Vec<_> = types
            .map(|t| (t.name.as_str(), t.line, t.is_public))
            .collect();
        assert_eq!(types, [("A", 1, true), ("B", 2, false)]);
    }

    #[test]
    fn a_public_import_is_told_from_a_private_one() {
        let source = parse(
            "x/src/a.rs",
            "pub(crate) use b::C;\nuse d::E;\npub fn f() {}",
        );
        let public: Vec<_> = source
            .imports
            .iter()
            .map(|import| import.is_public)
            .collect();
        assert_eq!(public, [true, false]);
    }
}
