//! A word that no message shows.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

/// A password or a token: itself, or `file:PATH` for a file that holds it, which is read again
/// whenever it is needed.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` as a file says it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The word. A line break at its end belongs to the file. Paths are relative to `folder`.
    pub(crate) fn read(&self, folder: &Path) -> std::io::Result<String> {
        match self.0.strip_prefix("file:") {
            None => Ok(self.0.clone()),
            Some(path) => {
                let path = folder.join(path);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    let what = format!("cannot read {}: {error}", path.display());
                    std::io::Error::new(error.kind(), what)
                })?;
                Ok(text.trim_end_matches(['\n', '\r']).to_owned())
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere_and_a_file_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let secret = Secret::new("file:token");
        assert_eq!(secret.read(folder.path()).unwrap(), "first");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(secret.read(folder.path()).unwrap(), "second");
        std::fs::remove_file(&path).unwrap();
        let told = secret.read(folder.path()).unwrap_err().to_string();
        assert!(told.contains("token"), "{told}");
        assert_eq!(format!("{:?}", Secret::new("word")), "Secret(..)");
    }
}
