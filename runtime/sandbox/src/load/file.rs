//! A file as somebody's compiler left it: a component, or a core module that becomes one, or a
//! sentence about why it is neither.

use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::printable::printable;
use crate::sandbox_error::SandboxError;

/// What a component must export, with the version of the interface.
const EXPORT: &str = "gristmill:transform/rule@0.1.0";

/// The only thing that a component may call.
pub(crate) const LOG: &str = "gristmill:transform/log@0.1.0";

/// Imported for its types, and so by every component.
const TYPES: &str = "gristmill:transform/types@0.1.0";

/// wit-bindgen leaves the world in a custom section of this name, with a suffix.
const WORLD_SECTION: &str = "component-type";

/// [`EXPORT`], whatever the version: what a core module calls its functions, too.
const RULE: &str = "gristmill:transform/rule";

/// A rule in Rust gets here only by another way than ours: its own mistakes are told before, by
/// `authoring`.
const HOW_TO_BUILD: &str = "a rule in Rust is built by `gristmill transform build`, one in \
                            another language against wit/transform.wit, without WASI";

const OTHER_VERSION: &str = "build it again with what this host brings (in Rust the \
                             `vendor/gristmill-guest` of a crate that `gristmill transform new` \
                             makes), or use a host of its version";

/// Largest file. 64 MiB: a rule in Rust takes 0.1, one in Python with its interpreter and libraries
/// 40. Every host reads it from Postgres and compiles it, twice.
const FILE_MAX_BYTES: usize = 64 << 20;

/// How much is shown of a name, which a file may make as long as itself.
const NAME_SHOWN_MAX_BYTES: usize = 256;

/// What stands on the outside of a file.
pub struct Outline {
    encoding: Encoding,
    /// The imports of a component by name, those of a core module by module.
    imports: Vec<String>,
    /// The names of what a core module imports, in the order of its imports.
    asks_for: Vec<String>,
    exports: Vec<String>,
    has_world: bool,
}

impl Outline {
    /// Whether the core module has a rule's functions.
    pub fn has_rule(&self) -> bool {
        self.exports.iter().any(|e| e.contains(RULE))
    }

    /// What the core module asks for and no transform gets: module and name.
    pub fn asks_for(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.imports.iter().zip(&self.asks_for);
        let pairs = pairs.map(|(module, name)| (module.as_str(), name.as_str()));
        pairs.filter(|(module, _)| !is_granted(module))
    }
}

/// The bytes of a component that this host can run, as far as its outside tells.
pub(crate) fn componentize(transform: &str, bytes: &[u8]) -> Result<Vec<u8>, SandboxError> {
    check_size(transform, bytes)?;
    check_magic(transform, bytes)?;
    let outline = read(bytes).map_err(|e| unreadable(transform, bytes, e))?;
    if outline.encoding == Encoding::Component {
        check_interface(transform, &outline)?;
        return Ok(bytes.to_vec());
    }
    refuse_imports(transform, &outline.imports)?;
    if !outline.has_world {
        let why = format!(
            "the file is a core module that does not say which interface it has: {HOW_TO_BUILD}"
        );
        return Err(SandboxError::refused(transform, why));
    }
    let component = encode(bytes).map_err(|e| {
        let why = format!("the core module does not make a component: {HOW_TO_BUILD}");
        SandboxError::refused_because(transform, why, e)
    })?;
    let outline = read(&component).map_err(|e| unreadable(transform, &component, e))?;
    check_interface(transform, &outline)?;
    Ok(component)
}

/// What a component that [`componentize`] has passed imports and exports, by name.
pub fn interface(component: &[u8]) -> (Vec<String>, Vec<String>) {
    // It has been read before.
    read(component).map_or_else(|_| Default::default(), |o| (o.imports, o.exports))
}

fn encode(module: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .encode()?)
}

fn check_size(transform: &str, bytes: &[u8]) -> Result<(), SandboxError> {
    match bytes.len() {
        0..=FILE_MAX_BYTES => Ok(()),
        size => {
            let why = format!(
                "the file has {size} bytes, and {FILE_MAX_BYTES} are the most, which no setting \
                 changes: build it optimized for size, and strip it (`wasm-tools strip`)"
            );
            Err(SandboxError::refused(transform, why))
        }
    }
}

fn check_magic(transform: &str, bytes: &[u8]) -> Result<(), SandboxError> {
    let magic = b"\0asm";
    if bytes.len() < 8 && magic.starts_with(&bytes[..bytes.len().min(4)]) {
        return Err(cut_off(transform, bytes));
    }
    if !bytes.starts_with(magic) {
        let why =
            format!("the file is not WebAssembly (it does not begin with \\0asm): {HOW_TO_BUILD}");
        return Err(SandboxError::refused(transform, why));
    }
    Ok(())
}

fn cut_off(transform: &str, bytes: &[u8]) -> SandboxError {
    let why = format!(
        "the file is cut off after {} bytes, perhaps it is still being written: try again, and \
         write to another name and rename",
        bytes.len()
    );
    SandboxError::refused(transform, why)
}

fn unreadable(transform: &str, bytes: &[u8], error: wasmparser::BinaryReaderError) -> SandboxError {
    // wasmparser has no kind for this, only the sentence.
    if error.message().contains("unexpected end") {
        return cut_off(transform, bytes);
    }
    let why = format!("the file is damaged: {HOW_TO_BUILD}");
    SandboxError::refused_because(transform, why, error)
}

fn check_interface(transform: &str, outline: &Outline) -> Result<(), SandboxError> {
    refuse_imports(transform, &outline.imports)?;
    if outline.exports.iter().any(|e| e == EXPORT) {
        return Ok(());
    }
    let other = outline.exports.iter().find(|e| e.starts_with(RULE));
    let why = match other {
        Some(other) => format!(
            "the component exports `{other}` and this host runs `{EXPORT}`: {OTHER_VERSION}"
        ),
        None => format!("the component does not export `{EXPORT}`: {HOW_TO_BUILD}"),
    };
    Err(SandboxError::refused(transform, why))
}

fn refuse_imports(transform: &str, imports: &[String]) -> Result<(), SandboxError> {
    let Some(import) = imports.iter().find(|i| !is_granted(i)) else {
        return Ok(());
    };
    let why = if import.starts_with("wasi") {
        format!(
            "the component imports `{import}`, and a transform gets no WASI (no files, clock, \
             network or randomness): build one in Rust with `gristmill transform build`, one in \
             another language with its toolchain's switch for no WASI (Python has --stub-wasi, \
             JavaScript --disable all)"
        )
    } else if import.starts_with("gristmill:transform/") {
        format!("the component imports `{import}` and this host has `{LOG}`: {OTHER_VERSION}")
    } else {
        format!(
            "the component imports `{import}`, and a transform can call nothing but `{LOG}`: \
             {HOW_TO_BUILD}"
        )
    };
    Err(SandboxError::refused(transform, why))
}

fn is_granted(import: &str) -> bool {
    [LOG, TYPES].contains(&import)
}

/// Reads the outermost level of `bytes`, to the end, so that a file that is cut off is found here
/// and not by the compiler.
pub fn read(bytes: &[u8]) -> Result<Outline, wasmparser::BinaryReaderError> {
    let mut outline = Outline {
        encoding: Encoding::Module,
        imports: Vec::new(),
        asks_for: Vec::new(),
        exports: Vec::new(),
        has_world: false,
    };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 {
                    outline.encoding = *encoding;
                }
            }
            Payload::End(_) => depth -= 1,
            _ if depth == 1 => outline.note(payload)?,
            _ => {}
        }
    }
    Ok(outline)
}

impl Outline {
    fn note(&mut self, payload: Payload<'_>) -> Result<(), wasmparser::BinaryReaderError> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.imports.push(in_print(import.module));
                    self.asks_for.push(in_print(import.name));
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.imports.push(in_print(import?.name.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.exports.push(in_print(export?.name));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.exports.push(in_print(export?.name.name));
                }
            }
            Payload::CustomSection(section) if section.name().starts_with(WORLD_SECTION) => {
                self.has_world = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Nobody has checked it yet.
fn in_print(name: &str) -> String {
    printable(name, NAME_SHOWN_MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_larger_than_the_limit_is_refused_as_such() {
        let refusal = |bytes| {
            let refused = componentize("rule", &vec![0; bytes]).err();
            refused.expect("refused").to_string()
        };
        let message = refusal(FILE_MAX_BYTES + 1);
        let expected = "transform `rule`: the file has 67108865 bytes, and 67108864 are the most";
        assert!(message.starts_with(expected), "{message}");
        let message = refusal(FILE_MAX_BYTES);
        assert!(message.contains("is not WebAssembly"), "{message}");
    }
}
