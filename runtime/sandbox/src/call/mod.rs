//! One call: the batch is laid out, the instance runs, and nothing that comes back is believed.

pub(crate) mod answer;
pub(crate) mod description;
pub(crate) mod instance;
pub(crate) mod lower;
