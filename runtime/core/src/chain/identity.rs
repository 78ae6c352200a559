//! By what a chain tells keys and versions.

use crate::column::{Field, LogicalType};
use crate::dedup::VersionRule;
use crate::plan::Roles;

/// The columns that make keys and versions, with their types, in order, and the rule by which they
/// make versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    key: Vec<(String, LogicalType)>,
    version: Vec<(String, LogicalType)>,
    rule: VersionRule,
}

impl Identity {
    /// `None` when `roles` names a column that `fields` does not have.
    pub(super) fn new(roles: &Roles, fields: &[Field]) -> Option<Self> {
        let typed = |name: &String| {
            let field = fields.iter().find(|f| f.name == *name)?;
            Some((name.clone(), field.logical_type))
        };
        let version = std::iter::once(&roles.event_time).chain(&roles.order);
        Some(Self {
            key: roles.key.iter().map(typed).collect::<Option<_>>()?,
            version: version.map(typed).collect::<Option<_>>()?,
            rule: roles.version,
        })
    }
}
