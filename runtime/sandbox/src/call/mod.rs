//! One call: the batch is laid out, the instance runs, and nothing that comes back is believed.

pub(crate) mod answer;
pub(crate) mod guard;
pub(crate) mod instance;
pub(crate) mod log;
pub(crate) mod lower;
pub(crate) mod transform;
