//! gristmill streams change events from Kafka into Postgres, exactly once, and runs the rules that
//! shape them as sandboxed WebAssembly components.
//!
//! # One record's way
//!
//! ```text
//! Kafka -> source -> decode -> normalize -> dedup -> join -> enrich* -> flush -> offset hint
//!          (bytes)  (columns) (component)  (state)  (host)  (components)  |
//!                                                     rows + dead letters + checkpoint,
//!                                                     in one transaction
//! ```
//!
//! Ten files, in the order in which a record meets them:
//!
//! 1. `kafka/src/source/feed.rs`: the consumer's thread hands raw records over, a partition at a
//!    time;
//! 2. `partition/worker.rs`: the partition's worker receives them ([`partition::worker`]);
//! 3. `partition/open_batch.rs`: they wait until a flush is due;
//! 4. `partition/compute.rs`: the batch goes through the chain, away from tasks that wait;
//! 5. `core/src/chain/walk.rs`: the chain, step by step;
//! 6. `core/src/decode/mod.rs`: the declared document paths become columns;
//! 7. `core/src/chain/step.rs`: a transform runs, in the sandbox;
//! 8. `core/src/dedup/state.rs`: the newest version of each key stays;
//! 9. `partition/flush.rs`: the flush is sent, and sent again where it was rolled back;
//! 10. `postgres/src/commit/sink.rs`: one statement moves the checkpoint, upserts the rows under
//!     the guard and stores the dead letters.
//!
//! # The rooms
//!
//! Imports run one way, from the top down:
//!
//! ```text
//! cli         arguments in, text out
//! demo        the users pipeline on sample events, with servers of its own
//! ops         what an operator does to a pipeline: one file a verb, values back
//! process     one consumer a file, one follower and one relay a database
//! http        what a process says to collectors and probes
//! partition   one partition's life: assignment, take, worker, batch, flush
//! fleet       what all hosts run: propose, check, stage, follow, fall back, compare
//! handles     what the partitions of a process work with
//! authoring   for those who write rules: cases, samples, a rule's folder
//! definition  from the pipeline file to the revision that runs
//! folders, host_name  what this machine is, and where files lie on it
//! gristmill_postgres, gristmill_sandbox, gristmill_kafka  all SQL, all wasmtime, all rdkafka
//! gristmill_registry  all questions to schema registries
//! gristmill_core  the pure part: columns, decoding, dedup, the chain
//! ```

pub mod authoring;
pub mod cli;
pub mod definition;
pub mod demo;
pub mod fleet;
pub mod folders;
pub mod handles;
pub mod host_name;
pub mod http;
pub mod ops;
pub mod partition;
pub mod process;
