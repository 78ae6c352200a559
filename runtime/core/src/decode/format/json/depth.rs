//! How deep a document may nest.

/// How many objects and arrays may lie in one another. `serde_json`'s limit, so that whatever
/// passes here can be read by other tools; the walk recurses, and this many levels fit any thread's
/// stack.
pub(crate) const DEPTH_MAX: u32 = 127;

/// Objects and arrays that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth(u32);

impl Depth {
    /// That of a value in an object.
    pub(super) const INSIDE: Self = Self(1);

    /// Enters an object or array. `false`: there are too many.
    #[inline]
    pub(super) fn enter(&mut self) -> bool {
        let is_allowed = self.0 < DEPTH_MAX;
        self.0 += u32::from(is_allowed);
        is_allowed
    }

    /// Leaves one that was entered.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.0 -= 1;
    }
}
