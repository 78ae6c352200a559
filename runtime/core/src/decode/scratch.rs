//! Where values go that no record holds in one piece.

/// Room for them: that of [`super::slot::Row`].
pub(super) struct Scratch<'a> {
    pub(super) text: &'a mut String,
    pub(super) bytes: &'a mut Vec<u8>,
}
