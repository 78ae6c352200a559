//! Processes and servers that end at bad moments: nothing is lost, nothing is written twice, and
//! nobody has to help.

mod processes;
mod servers;
