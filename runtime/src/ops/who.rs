//! Who changes something.

use crate::host_name::host_name;

/// `user@host`, for what gristmill stores about changes.
pub(super) fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{}", host_name())
}
