//! Messages to the host's log, under the transform's name. Rate-limited, and never part of the
//! data.
//!
//! ```
//! gristmill_guest::log::info("no list of companies: no address is one's");
//! ```

use crate::wit::gristmill::transform::log::Level;

/// Logs a line for whoever writes the rule.
///
/// ```
/// gristmill_guest::log::debug("3 domains are known");
/// ```
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Logs a line for whoever runs the pipeline.
///
/// ```
/// gristmill_guest::log::info("no list of companies: no address is one's");
/// ```
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something is odd, but no row is lost.
///
/// ```
/// gristmill_guest::log::warn("`companies` names contoso.com twice");
/// ```
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something that a person must look at.
///
/// ```
/// gristmill_guest::log::error("the list of companies is cut off");
/// ```
pub fn error(message: &str) {
    write(Level::Error, message);
}

fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::wit::gristmill::transform::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}
