//! A component's own words about itself.

/// What a component says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// JSON Schema of the config that `open` takes, as text.
    pub config_schema: String,
    pub attributes: Vec<(String, String)>,
}
