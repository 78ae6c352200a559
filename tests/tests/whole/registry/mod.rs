//! Schema registries: what the client makes of their answers, and pipelines that wait for them.

mod client;
mod killed;
