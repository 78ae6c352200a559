//! A rule's component as a file.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use gristmill_sandbox::{Component, Limits, Sandbox};

/// Loads the component of the rule `name`.
pub(super) fn load(sandbox: &Sandbox, name: &str, file: &Path) -> Result<Component> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(sandbox.load(name, &bytes, &Limits::default())?)
}

/// Loads what a build has left, and leaves it as a component where it was a core module: a pipeline
/// takes both, but others see only here what the rule is. The file keeps its time, by which a build
/// tells whether a source is newer.
pub(super) fn settle(sandbox: &Sandbox, name: &str, file: &Path) -> Result<Component> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let component = sandbox.load(name, &bytes, &Limits::default())?;
    if component.bytes() != bytes {
        let made = fs::metadata(file).and_then(|metadata| metadata.modified());
        write(file, component.bytes())?;
        made.and_then(|made| File::options().write(true).open(file)?.set_modified(made))
            .with_context(|| format!("cannot set the time of {}", file.display()))?;
    }
    Ok(component)
}

/// Writes under another name first: whoever watches the file never sees half of it.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
        let mut draft = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        draft.write_all(bytes)?;
        // Private by default; a component is for everybody who may see its folder.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            draft
                .as_file()
                .set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        draft.persist(file)?;
        anyhow::Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}
