//! What people and programs do with a pipeline: one file a verb.
//!
//! Each operation takes handles (an [`opened`] pipeline file, a connection, a sandbox) and returns
//! values that can be serialized. None of them prints, and none knows a command line: `cli` renders
//! the values for a terminal. An operation that takes long tells its steps as it goes
//! ([`change_progress`]).
//!
//! | operation | what it does |
//! |---|---|
//! | [`init`] | makes a first pipeline file of a topic or of a source's table |
//! | [`preflight`] | names everything that would stop a pipeline |
//! | [`memory_bound`] | says how much memory the limits allow |
//! | [`tables`] | prints and creates the tables that a pipeline needs |
//! | [`status`] | says how each partition is doing |
//! | [`revisions`] | says who changed what a pipeline runs, when and why |
//! | [`steer`] | pauses partitions and lets them go on |
//! | [`swap`], [`promote`], [`rollback`] | change a rule of a pipeline that runs |
//! | [`swap_several`] | changes a rule of several pipelines, or of none |
//! | [`evolve`] | changes how newer events are told from older ones, and what a delete leaves |
//! | [`traffic_replay`] | compares another rule with what the table holds |
//! | [`letter_list`], [`letter_replay`], [`capture`] | look at dead letters and use them again |
//! | [`forget`] | forgets a pipeline, but its table |
//! | [`absent`] | finds rows with cells that nobody knows |
//! | [`missed_deletes`] | finds and deletes rows that the source's newest snapshot lacks |
//! | [`try_events`] | shows events before and after a rule |
//! | [`produce`] | sends events to a topic |

pub mod absent;
pub mod capture;
pub mod change_progress;
pub mod evolve;
pub mod forget;
mod images;
pub mod init;
mod later_events;
pub mod letter_list;
pub mod letter_replay;
mod live_comparison;
mod lost_values;
pub mod memory_bound;
pub mod missed_deletes;
mod newest_values;
pub mod opened;
pub mod pipelines_of_file;
pub mod preflight;
pub mod produce;
pub mod promote;
mod proved_change;
pub mod revisions;
pub mod rollback;
pub mod running_pipeline;
mod snapshot_version;
mod source_snapshot;
pub mod status;
pub mod steer;
mod steered_partition;
pub mod swap;
pub mod swap_several;
pub mod tables;
mod topic_events;
mod topic_shape;
pub mod traffic_replay;
pub mod try_events;
mod unread_columns;
mod who;
