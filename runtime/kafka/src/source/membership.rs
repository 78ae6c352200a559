//! The id by which a consumer group knows this process again.
//!
//! With a static id the group gives a process that was killed its partitions back at once, instead
//! of waiting for the dead member's session to time out. So the id must be the same after a crash
//! and must differ between two processes. Per host, group and topic there are numbered slot files,
//! each holding a random id; a process locks the lowest free one for its life, and the operating
//! system drops the lock however the process ends. Per topic, as the group gives a member that it
//! knows the partitions that it had, also where the member asks for another topic by now.
//!
//! Whoever could write in the folder could choose the id, or have this process write through a
//! link. So each folder is this user's, no link, and nobody else's to write.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::TryRngCore;
use rustix::fs::OFlags;

/// More processes of one group on one host than anybody runs.
const SLOTS: usize = 1_024;
/// Kafka takes at most 249 characters; the rest of the id needs 30.
const HOST_MAX_CHARS: usize = 100;

/// A locked slot. The id belongs to this process until it is dropped.
#[derive(Debug)]
pub struct Membership {
    id: String,
    _lock: File,
}

/// No id is to be had; without one the source still works, but after a crash its partitions rest
/// until the session times out.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    #[error("cannot keep an instance id in {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} belongs to another user, others may write to it, or it is a link: remove it, or set \
         XDG_STATE_HOME to a folder of your own",
        path.display()
    )]
    NotOurs { path: PathBuf },
    #[error("all {SLOTS} instance ids in {} are in use", path.display())]
    Full { path: PathBuf },
}

impl Membership {
    /// Takes the lowest free slot of `group` and `topic` on this host, in the first of `states`
    /// that can be used; each is a folder that outlives the process.
    pub fn acquire(states: &[PathBuf], group: &str, topic: &str) -> Result<Self, MembershipError> {
        let mut last = None;
        for state in states {
            match Self::acquire_in(state, group, topic) {
                Ok(membership) => return Ok(membership),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| MembershipError::Io {
            path: PathBuf::from("state"),
            source: io::ErrorKind::NotFound.into(),
        }))
    }

    /// Takes the lowest free slot of `group` and `topic` on this host, in one state folder.
    pub fn acquire_in(state: &Path, group: &str, topic: &str) -> Result<Self, MembershipError> {
        let instances = state.join("instances");
        let of_group = instances.join(legal(group));
        let folder = of_group.join(legal(topic));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| MembershipError::Io { path, source }
        };
        // Nothing is made behind a link, or in a folder of somebody else's.
        for folder in [state, &instances, &of_group, &folder] {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(folder).map_err(failed(folder))?;
            check_ours(folder)?;
        }
        // Hosts may share a home by network.
        let host = host();
        for slot in 0..SLOTS {
            let path = folder.join(format!("{host}-{slot}"));
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(&path)
                .map_err(failed(&path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(source)) => {
                    return Err(MembershipError::Io { path, source });
                }
            }
            let found = file.metadata().map_err(failed(&path))?;
            if !found.is_file() || !is_ours(&found) {
                return Err(MembershipError::NotOurs { path });
            }
            let id = read_or_write(&mut file, &host, slot).map_err(failed(&path))?;
            return Ok(Self { id, _lock: file });
        }
        Err(MembershipError::Full { path: folder })
    }

    /// The value of `group.instance.id`: `HOST-SLOT-RANDOM`.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The id in the slot's file; a new one when there is none, or only a part of one from a crash.
fn read_or_write(file: &mut File, host: &str, slot: usize) -> io::Result<String> {
    let mut text = String::new();
    // A file that is no text is as good as an empty one.
    let _ = file.read_to_string(&mut text);
    if let Some(id) = text.strip_suffix('\n').filter(|id| *id == legal(id)) {
        return Ok(id.to_owned());
    }
    let random = rand::rngs::OsRng.try_next_u64().map_err(io::Error::other)?;
    let id = format!("{host}-{slot}-{random:016x}");
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{id}\n").as_bytes())?;
    file.sync_all()?;
    Ok(id)
}

/// Refuses a folder that somebody else owns or can write, and a link to one.
fn check_ours(folder: &Path) -> Result<(), MembershipError> {
    let path = folder.to_owned();
    match std::fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() && is_ours(&found) => Ok(()),
        Ok(_) => Err(MembershipError::NotOurs { path }),
        Err(source) => Err(MembershipError::Io { path, source }),
    }
}

fn is_ours(found: &Metadata) -> bool {
    found.mode() & 0o022 == 0 && found.uid() == rustix::process::geteuid().as_raw()
}

/// This machine's name, where it has one.
pub fn host_name() -> Option<String> {
    let paths = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let read = paths.iter().find_map(|p| std::fs::read_to_string(p).ok());
    let name = read.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The host's part of an id.
fn host() -> String {
    let name = host_name().unwrap_or_else(|| "host".to_owned());
    legal(&name).chars().take(HOST_MAX_CHARS).collect()
}

/// Kafka takes the characters of a topic name in an instance id; they are also safe in a path, but
/// for names made of dots.
fn legal(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars()
        .map(|c| if legal(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_its_id_and_two_processes_never_share_one() {
        let state = tempfile::tempdir().unwrap();
        let first = Membership::acquire_in(state.path(), "g", "t").unwrap();
        let second = Membership::acquire_in(state.path(), "g", "t").unwrap();
        let other = Membership::acquire_in(state.path(), "other", "t").unwrap();
        let other_topic = Membership::acquire_in(state.path(), "g", "other").unwrap();
        let ids = [first.id(), second.id(), other.id(), other_topic.id()].map(str::to_owned);
        assert!(ids[1..].iter().all(|id| *id != ids[0]));
        drop(first);
        let again = Membership::acquire_in(state.path(), "g", "t").unwrap();
        assert_eq!(again.id(), ids[0]);
        drop((again, second));
        let _first = Membership::acquire_in(state.path(), "g", "t").unwrap();
        let second = Membership::acquire_in(state.path(), "g", "t").unwrap();
        assert_eq!(second.id(), ids[1]);
    }

    #[test]
    fn a_torn_or_foreign_file_gets_a_new_id() {
        let state = tempfile::tempdir().unwrap();
        let id = {
            let first = Membership::acquire_in(state.path(), "g", "t").unwrap();
            first.id().to_owned()
        };
        let path = state
            .path()
            .join("instances/g/t")
            .join(format!("{}-0", host()));
        for torn in [&id.as_bytes()[..5], b"", b"\xff\n", b"a b\n"] {
            std::fs::write(&path, torn).unwrap();
            let again = Membership::acquire_in(state.path(), "g", "t").unwrap();
            assert_ne!(again.id(), id);
            assert_eq!(again.id(), legal(again.id()));
        }
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        drop(Membership::acquire_in(state.path(), "../g", "t").unwrap());
        let path = state
            .path()
            .join("instances/___g/t")
            .join(format!("{}-0", host()));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let error = Membership::acquire_in(state.path(), "../g", "t").unwrap_err();
        assert!(matches!(error, MembershipError::NotOurs { .. }), "{error}");
    }

    #[test]
    fn planted_folders_and_links_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = parent.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let not_ours = |state: &Path| {
            let error = Membership::acquire_in(state, "g", "t").unwrap_err();
            assert!(
                matches!(error, MembershipError::NotOurs { .. }),
                "{error:?}"
            );
        };
        let link = parent.path().join("link");
        symlink(&elsewhere, &link).unwrap();
        not_ours(&link);

        let inner = parent.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        symlink(&elsewhere, inner.join("instances")).unwrap();
        not_ours(&inner);
        let made = std::fs::read_dir(&elsewhere).unwrap().count();
        assert_eq!(made, 0, "behind a link");

        let open = parent.path().join("open");
        drop(Membership::acquire_in(&open, "g", "t").unwrap());
        let mode = std::fs::Permissions::from_mode;
        for folder in [open.join("instances/g/t"), open.join("instances"), open] {
            std::fs::set_permissions(&folder, mode(0o777)).unwrap();
            not_ours(&parent.path().join("open"));
            std::fs::set_permissions(&folder, mode(0o700)).unwrap();
        }
    }

    #[test]
    fn a_planted_link_in_the_place_of_a_slot_makes_no_file() {
        let state = tempfile::tempdir().unwrap();
        drop(Membership::acquire_in(state.path(), "g", "t").unwrap());
        let slot = state
            .path()
            .join("instances/g/t")
            .join(format!("{}-0", host()));
        std::fs::remove_file(&slot).unwrap();
        let victim = state.path().join("victim");
        std::os::unix::fs::symlink(&victim, &slot).unwrap();
        assert!(Membership::acquire_in(state.path(), "g", "t").is_err());
        assert!(!victim.exists());
    }
}
