//! Snapshots of what the command line prints.
