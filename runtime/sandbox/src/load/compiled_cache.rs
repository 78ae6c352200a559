//! Compiled components on disk, so that a start takes milliseconds instead of a compilation.
//!
//! Beside each lies its digest, as `sha256sum` writes it: of the code, and with the name that says
//! of which component and for which engine it is. Code that is not as its digest says is never run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gristmill_core::digest::sha256;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::load::compiler::NotCompiled;
use crate::sandbox_error::SandboxError;

/// What the folder may hold; beyond it goes what nobody has used for the longest time. 1 GiB: a
/// rule in Rust takes about 1 MiB for both engines, one in Python 100.
const KEPT_MAX_BYTES: u64 = 1 << 30;

/// A folder that only this user can write.
pub(crate) struct CompiledCache {
    folder: PathBuf,
}

impl CompiledCache {
    /// Takes `folder` or makes it. Refuses one that somebody else owns or can write: what lies in
    /// it is run without a further look.
    pub(crate) fn open(folder: &Path) -> Result<Self, SandboxError> {
        let refuse = |why: &str, source: Option<io::Error>| SandboxError::Cache {
            path: folder.to_owned(),
            why: why.to_owned(),
            source,
        };
        if !folder.is_absolute() {
            return Err(refuse("the path is relative: name it from / on", None));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| refuse("it cannot be made: name another folder", Some(e)))?;
        let found = fs::symlink_metadata(folder)
            .map_err(|e| refuse("it cannot be read: name another folder", Some(e)))?;
        if !found.is_dir() {
            return Err(refuse(
                "it is not a folder (nor may it be a link to one): name a folder",
                None,
            ));
        }
        if found.mode() & 0o022 != 0 {
            return Err(refuse(
                "others can write there, and could have their code run: chmod 700 it or name \
                 another folder",
                None,
            ));
        }
        if found.uid() != geteuid().as_raw() {
            return Err(refuse(
                "somebody else owns it: name a folder of your own",
                None,
            ));
        }
        NamedTempFile::new_in(folder)
            .map_err(|e| refuse("it cannot be written: name another folder", Some(e)))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The compiled form of the component whose digest is `digest`: from the folder, or what
    /// `compile` returns, which is left there.
    pub(crate) fn compiled(
        &self,
        engine: &Engine,
        digest: &str,
        compile: impl FnOnce() -> Result<Vec<u8>, NotCompiled>,
    ) -> Result<Component, NotCompiled> {
        let path = self.path(engine, digest);
        if path.symlink_metadata().is_ok() {
            let loaded = check(&path).map_err(|error| error.to_string());
            match loaded.and_then(|()| load(engine, &path).map_err(|e| format!("{e:#}"))) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(
                    path = %path.display(),
                    "compiling again, a compiled component cannot be used: {error}"
                ),
            }
        }
        let compiled = compile()?;
        let component = load_bytes(engine, &compiled)?;
        if let Err(error) = self.keep(&path, &compiled) {
            tracing::warn!(
                path = %path.display(),
                "cannot keep a compiled component, the next start compiles it again: {error}"
            );
        }
        Ok(component)
    }

    /// Named after what was compiled and after everything about the engine that the result depends
    /// on.
    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder
            .join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    fn keep(&self, path: &Path, compiled: &[u8]) -> io::Result<()> {
        self.put(&digest_path(path), digest_line(path, compiled).as_bytes())?;
        self.put(path, compiled)?;
        self.prune(KEPT_MAX_BYTES)
    }

    /// Renamed into place, so that nobody ever reads half a file.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        // Else the name may outlive a power cut and the bytes may not.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// Removes what was used the longest time ago, until the rest fits; the newest stays in any
    /// case. Who has mapped a file goes on with it.
    fn prune(&self, kept_max_bytes: u64) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // What a process that was killed left half-written is ours, too.
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = name.ends_with(".cwasm") || name.starts_with(".tmp");
            // Another process may be quicker.
            if let (true, Ok(found)) = (is_ours, entry.metadata()) {
                kept.push((found.modified()?, found.len(), entry.path()));
            }
        }
        kept.sort_by(|a, b| b.cmp(a));
        let mut bytes = 0;
        for (place, (_, length, path)) in kept.iter().enumerate() {
            bytes += length;
            if place > 0 && bytes > kept_max_bytes {
                for path in [path.clone(), digest_path(path)] {
                    fs::remove_file(path).or_else(|e| match e.kind() {
                        io::ErrorKind::NotFound => Ok(()),
                        _ => Err(e),
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn digest_path(path: &Path) -> PathBuf {
    path.with_extension("cwasm.sha256")
}

/// What the digest of `compiled`, which lies at `path`, has to say.
fn digest_line(path: &Path, compiled: &[u8]) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{}  {name}\n", sha256(compiled))
}

/// Refuses what we did not leave, or what is no longer as we left it.
fn check(path: &Path) -> io::Result<()> {
    let refuse = |why: &str| Err(io::Error::other(why.to_owned()));
    let mut compiled = Vec::new();
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let mut file = options.open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return refuse("somebody else owns the file or can write it");
    }
    file.read_to_end(&mut compiled)?;
    let mut digest = String::new();
    options
        .open(digest_path(path))?
        .read_to_string(&mut digest)?;
    match digest == digest_line(path, &compiled) {
        true => Ok(()),
        false => refuse("it is damaged: its bytes are not those of the digest beside it"),
    }
}

/// What a compiler has just returned.
#[allow(
    unsafe_code,
    reason = "machine code cannot be checked; our own compiler wrote it"
)]
pub(crate) fn load_bytes(engine: &Engine, compiled: &[u8]) -> Result<Component, NotCompiled> {
    // SAFETY: the bytes must be what an engine's `precompile_component` returned: they are what our
    // own compiler has said, over a pipe at most.
    unsafe { Component::deserialize(engine, compiled) }.map_err(NotCompiled::Refused)
}

/// Maps a compiled component, and notes that it was used.
#[allow(
    unsafe_code,
    reason = "machine code cannot be checked; only we write in the folder"
)]
fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    File::open(path)?.set_modified(SystemTime::now())?;
    // SAFETY: the bytes must be what `Component::serialize` left, unchanged. Only we can write in
    // the folder (checked when it was opened), we write only that, and whole files only; the bytes
    // have been compared with the digest that was taken of them then;
    // wasmtime itself checks that version and settings of the engine are the same.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    fn refusal(folder: &Path) -> String {
        CompiledCache::open(folder)
            .err()
            .expect("refused")
            .to_string()
    }

    #[test]
    fn a_folder_is_made_for_us_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        CompiledCache::open(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o770, 0o707, 0o1777] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                refusal(folder.path()).contains("others can write there"),
                "{mode:o}"
            );
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        CompiledCache::open(folder.path()).unwrap();
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let parent = tempfile::tempdir().unwrap();
        let cache = CompiledCache::open(&parent.path().join("cache")).unwrap();
        let put = |name: &str, bytes: usize, age: u64| {
            let path = cache.folder.join(name);
            fs::write(&path, vec![0; bytes]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(age);
            File::open(&path).unwrap().set_modified(used).unwrap();
        };
        let names = || {
            let entries = fs::read_dir(&cache.folder).unwrap();
            let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        put("a.cwasm", 40, 3);
        put("b.cwasm", 40, 1);
        put("c.cwasm", 40, 2);
        put(".tmpXYZ", 40, 9);
        put("notes.txt", 1_000, 9);
        cache.prune(160).unwrap();
        assert_eq!(names().len(), 5);
        cache.prune(100).unwrap();
        assert_eq!(names(), ["b.cwasm", "c.cwasm", "notes.txt"]);
        cache.prune(1).unwrap();
        assert_eq!(names(), ["b.cwasm", "notes.txt"]);
    }

    #[test]
    fn a_relative_folder_is_refused() {
        assert!(refusal(Path::new("cache")).contains("relative"));
    }

    #[test]
    fn what_is_not_as_it_was_left_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CompiledCache::open(folder.path()).unwrap();
        let path = cache.folder.join("a-1.cwasm");
        let keep = || cache.keep(&path, b"machine code").unwrap();
        let refused = || check(&path).unwrap_err().to_string();
        keep();
        check(&path).unwrap();
        fs::write(&path, b"machine c0de").unwrap();
        assert!(refused().contains("damaged"), "{}", refused());
        keep();
        fs::rename(&path, cache.folder.join("b-1.cwasm")).unwrap();
        fs::rename(digest_path(&path), cache.folder.join("b-1.cwasm.sha256")).unwrap();
        assert!(check(&cache.folder.join("b-1.cwasm")).is_err());
        keep();
        fs::remove_file(digest_path(&path)).unwrap();
        assert!(check(&path).is_err());
        keep();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(refused().contains("can write it"));
        keep();
        let other = cache.folder.join("other");
        fs::rename(&path, &other).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(check(&path).is_err());
    }

    #[test]
    fn a_link_and_a_file_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(refusal(&link).contains("not a folder"));
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(refusal(&file).contains("cannot be made"));
    }
}
