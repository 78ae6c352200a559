//! What an author's rules have compiled of crates from a registry, kept for the next rule: it
//! compiles itself and the library alone.
//!
//! Each rule has a target folder of its own, because cargo tells crates in folders apart by their
//! names and by the times of their files: in a shared one a rule may be given the module of another
//! rule of its name. A crate from a registry never changes, and what cargo calls its files says
//! which version it is, with which features, by which compiler.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::guest_build::TARGET;
use crate::folders;

/// In a target folder, and of it in that of each platform: files that compilers wrote, what build
/// scripts are and wrote, and last what cargo knows of both: it looks for the others then.
const PARTS: [&str; 3] = ["deps", "build", ".fingerprint"];

/// More than this are of compilers and versions that are gone: a rule has about 70, of 150 MB.
const KEPT_MAX: usize = 400;

/// Larger files are linked: cargo replaces them, and writes small ones anew where they are. 64 KiB.
const COPIED_MAX_BYTES: u64 = 64 << 10;

/// A rule's target folder, and the one that is lent from.
pub(super) struct SharedCrates {
    target: PathBuf,
    shared: PathBuf,
}

impl SharedCrates {
    /// None where the rule in `dir` shares a target folder already, and where nobody is at home.
    pub(super) fn of(dir: &Path, target: &Path) -> Option<Self> {
        let dir = dir.canonicalize().ok()?;
        let shared = folders::cache_folder()?.join("crates");
        target.starts_with(dir).then(|| Self {
            target: target.to_owned(),
            shared,
        })
    }

    /// Fills a target folder in which nothing was compiled yet.
    pub(super) fn lend(&self) -> io::Result<()> {
        match self.target.join(TARGET).exists() {
            true => Ok(()),
            false => each_unit(&self.shared, &self.target, |_| true),
        }
    }

    /// Keeps what is of a registry by `lock`, the text of a Cargo.lock.
    pub(super) fn keep(&self, lock: &str) -> io::Result<()> {
        let kept = self.shared.join("release").join(PARTS[2]);
        if fs::read_dir(kept).is_ok_and(|kept| kept.count() > KEPT_MAX) {
            fs::remove_dir_all(&self.shared)?;
        }
        let known = of_registries(lock);
        each_unit(&self.target, &self.shared, |unit| known.contains(unit))
    }
}

/// The crates that a Cargo.lock has from a registry, and from nowhere else, as the compiler spells
/// them.
fn of_registries(lock: &str) -> BTreeSet<String> {
    let (mut found, mut others) = (BTreeSet::new(), BTreeSet::new());
    for package in lock.split("[[package]]").skip(1) {
        let name = package
            .lines()
            .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let is_of_registry = package.contains("\nsource = \"registry+");
        let list = if is_of_registry {
            &mut found
        } else {
            &mut others
        };
        list.extend(name.map(|name| name.replace('-', "_")));
    }
    &found - &others
}

/// The crate that a file or a folder of a target folder is of: `libserde-0123456789abcdef.rlib`.
fn unit(name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    let (stem, kind) = name.split_once('.').unwrap_or((name, ""));
    let (of, hash) = stem.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of = match kind {
        "rlib" | "rmeta" | "so" | "dylib" => of.strip_prefix("lib").unwrap_or(of),
        _ => of,
    };
    is_hash.then(|| of.replace('-', "_"))
}

/// Puts what `to` lacks there, of the crates that `is_wanted`.
fn each_unit(from: &Path, to: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for part in PARTS {
        for platform in ["", TARGET] {
            let below = Path::new(platform).join("release").join(part);
            let Ok(entries) = fs::read_dir(from.join(&below)) else {
                continue;
            };
            for entry in entries {
                let entry = entry?;
                let is_wanted = unit(&entry.file_name()).is_some_and(|unit| is_wanted(&unit));
                if is_wanted {
                    put(&entry.path(), &to.join(&below).join(entry.file_name()))?;
                }
            }
        }
    }
    Ok(())
}

/// A file or a folder with what is in it, of the same times: by them cargo knows what is current.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            put(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if to.exists() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let known = from.metadata()?;
    if known.len() > COPIED_MAX_BYTES && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::options()
        .append(true)
        .open(to)?
        .set_modified(known.modified()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_of_crates() {
        let unit = |name: &str| unit(OsStr::new(name));
        let serde = Some("serde".to_owned());
        assert_eq!(unit("libserde-369af7890e92f6f5.rlib"), serde);
        assert_eq!(unit("serde-369af7890e92f6f5"), serde);
        assert_eq!(unit("libc-369af7890e92f6f5"), Some("libc".to_owned()));
        assert_eq!(
            unit("id-arena-369af7890e92f6f5.d"),
            Some("id_arena".to_owned())
        );
        assert_eq!(unit("own_rule.wasm"), None);
    }

    #[test]
    fn a_crate_that_also_lies_in_a_folder_is_not_shared() {
        let lock = "version = 4\n\n[[package]]\nname = \"own-rule\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"serde\"\nsource = \"registry+x\"\n\n\
                    [[package]]\nname = \"helper\"\nsource = \"registry+x\"\n\n\
                    [[package]]\nname = \"helper\"\nversion = \"0.1.0\"\n";
        assert_eq!(of_registries(lock), BTreeSet::from(["serde".to_owned()]));
    }

    #[test]
    fn what_is_lent_has_its_time_and_is_no_rule() {
        let folder = tempfile::tempdir().unwrap();
        let of = |rule: &str| SharedCrates {
            target: folder.path().join(rule),
            shared: folder.path().join("shared"),
        };
        let names = [
            "libserde-0123456789abcdef.rlib",
            "libown-0123456789abcdef.rlib",
        ];
        let deps = folder.path().join("a").join(TARGET).join("release/deps");
        fs::create_dir_all(&deps).unwrap();
        for name in names {
            fs::write(deps.join(name), name).unwrap();
        }
        let lock = "[[package]]\nname = \"own\"\n[[package]]\nname = \"serde\"\n\
                    source = \"registry+x\"\n";
        of("a").keep(lock).unwrap();
        of("b").lend().unwrap();
        let lent = folder.path().join("b").join(TARGET).join("release/deps");
        let times = [&deps, &lent].map(|deps| deps.join(names[0]).metadata().unwrap().modified());
        assert_eq!(times[0].as_ref().unwrap(), times[1].as_ref().unwrap());
        assert!(!lent.join(names[1]).exists());
        // What was compiled there is left alone.
        fs::remove_file(lent.join(names[0])).unwrap();
        of("b").lend().unwrap();
        assert!(!lent.join(names[0]).exists());
    }
}
