//! A record's value, which may begin as others do.

use std::borrow::Cow;
use std::sync::Arc;

/// A record's value: the head that it shares with others, where it has one, and the rest.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    head: Option<&'a Arc<[u8]>>,
    rest: &'a [u8],
}

impl<'a> Value<'a> {
    /// One that begins with `head`.
    pub fn behind(head: &'a Arc<[u8]>, rest: &'a [u8]) -> Self {
        Self {
            head: Some(head),
            rest,
        }
    }

    pub fn len(self) -> usize {
        self.head.map_or(0, |head| head.len()) + self.rest.len()
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// All of it, which is a copy where it has a head.
    pub fn whole(self) -> Cow<'a, [u8]> {
        match self.head {
            None => Cow::Borrowed(self.rest),
            Some(_) => Cow::Owned(self.parts().concat()),
        }
    }

    /// Its bytes, in their order.
    pub fn parts(self) -> [&'a [u8]; 2] {
        [self.head.map_or(&[][..], |head| head), self.rest]
    }

    /// What it shares with others.
    pub fn head(self) -> Option<&'a Arc<[u8]>> {
        self.head
    }

    /// What follows the head.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(rest: &'a [u8]) -> Self {
        Self { head: None, rest }
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.whole() == other.whole()
    }
}

impl PartialEq<[u8]> for Value<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        *self.whole() == *other
    }
}
