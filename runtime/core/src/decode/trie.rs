//! The paths into one document, as the tree that a walk follows.

use super::form::JsonForms;
use super::leaf::Leaf;
use super::path::{PathError, below};
use super::slot::{Row, Slot};
use crate::column::{Field, LogicalType};

/// A place in a document that some path goes through or ends at.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The path so far, for messages.
    pub(super) path: String,
    /// The node's index in [`Trie::nodes`].
    pub(super) id: usize,
    /// Set when a read ends here.
    pub(super) leaf: Option<Leaf>,
    /// Names and nodes, in the order of the reads.
    pub(super) children: Vec<(String, usize)>,
    /// The [`name_bit`]s of those names: what nearly all others are told apart by.
    pub(super) names: u64,
    /// The slots of the leaves below, this one's not among them.
    pub(super) below: Vec<usize>,
    /// Whether a scalar here may be the value of the one leaf below.
    pub(super) may_be_bare: bool,
    /// The slots of the leaves right below that are null where the object here does not have them.
    pub(super) null_where_missing: Vec<usize>,
}

/// The nodes of a document; the first is the document itself.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    pub(super) nodes: Vec<Node>,
}

impl Trie {
    /// `root` is how paths into the document begin.
    pub(super) fn new(root: &str) -> Self {
        let node = Node {
            path: root.to_owned(),
            id: 0,
            leaf: None,
            children: Vec::new(),
            names: 0,
            below: Vec::new(),
            may_be_bare: false,
            null_where_missing: Vec::new(),
        };
        Self { nodes: vec![node] }
    }

    /// Adds the read `field` at `names`; its values go into `slot`.
    pub(super) fn insert(
        &mut self,
        names: &[String],
        field: &Field,
        slot: usize,
    ) -> Result<(), PathError> {
        let leaf = Leaf {
            slot,
            logical_type: field.logical_type,
            form: JsonForms::default().of(field.logical_type),
        };
        let mut at = 0;
        for name in names {
            self.nodes[at].below.push(slot);
            at = match self.nodes[at].children.iter().find(|(n, _)| n == name) {
                Some(&(_, child)) => child,
                None => self.add_child(at, name),
            };
        }
        match self.nodes[at].leaf.replace(leaf) {
            None => Ok(()),
            Some(_) => Err(PathError::Twice {
                path: field.name.clone(),
            }),
        }
    }

    /// Takes what is said of the forms that no schema tells.
    pub(super) fn take_forms(&mut self, forms: JsonForms) {
        for leaf in self.nodes.iter_mut().filter_map(|node| node.leaf.as_mut()) {
            leaf.form = forms.of(leaf.logical_type);
        }
    }

    /// Makes reads right below the object at `path` null where it does not have them, but those
    /// called as one of `except`.
    pub(super) fn null_where_missing(&mut self, path: &[String], except: &[String]) {
        let Some(at) = self.find(path) else { return };
        let children = self.nodes[at].children.iter();
        let named = children.filter(|(name, _)| !except.contains(name));
        let leaves = named.filter_map(|(_, child)| self.nodes[*child].leaf);
        self.nodes[at].null_where_missing = leaves.map(|leaf| leaf.slot).collect();
    }

    /// Forgets what a walk that was given up left in `row`.
    pub(super) fn forget(&self, row: &mut Row<'_>) {
        let root = &self.nodes[0];
        for slot in root
            .leaf
            .map(|l| l.slot)
            .into_iter()
            .chain(root.below.iter().copied())
        {
            row.slots[slot] = Slot::Absent;
        }
    }

    fn add_child(&mut self, at: usize, name: &str) -> usize {
        let id = self.nodes.len();
        let path = below(&self.nodes[at].path, name);
        self.nodes[at].children.push((name.to_owned(), id));
        self.nodes[at].names |= name_bit(name.as_bytes());
        self.nodes.push(Node {
            path,
            id,
            leaf: None,
            children: Vec::new(),
            names: 0,
            below: Vec::new(),
            may_be_bare: false,
            null_where_missing: Vec::new(),
        });
        id
    }

    /// Whether there is no read.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 1 && self.nodes[0].leaf.is_none()
    }

    /// Whether the document itself is read by name alone, and by none of `names`.
    pub(super) fn has_none_of(&self, names: &[&str]) -> bool {
        let root = &self.nodes[0];
        root.leaf.is_none()
            && root
                .children
                .iter()
                .all(|(n, _)| !names.contains(&n.as_str()))
    }

    /// Lets a scalar be the value of the only read, in the place of the object that has it.
    pub(super) fn allow_bare(&mut self) {
        let root = &self.nodes[0];
        if root.leaf.is_none() && root.below.len() == 1 {
            // The nodes are the names of one path: the last is the read.
            let parent = self.nodes.len() - 2;
            self.nodes[parent].may_be_bare = true;
        }
    }

    /// The read whose value a scalar may be.
    pub(super) fn bare_leaf(&self) -> Option<Leaf> {
        let is_allowed = self.nodes.iter().any(|node| node.may_be_bare);
        self.nodes.last().filter(|_| is_allowed)?.leaf
    }

    /// The index of the node at `names`; none where no read goes through it.
    pub(super) fn find(&self, names: &[String]) -> Option<usize> {
        names.iter().try_fold(0, |at, name| {
            let child = self.nodes[at].children.iter().find(|(n, _)| n == name);
            child.map(|(_, child)| *child)
        })
    }

    /// Refuses reads below a read that is no json.
    pub(super) fn check(&self) -> Result<(), PathError> {
        for node in &self.nodes {
            let Some(Leaf { logical_type, .. }) = node.leaf else {
                continue;
            };
            if let Some(&(_, child)) = node.children.first()
                && logical_type != LogicalType::Json
            {
                return Err(PathError::BelowScalar {
                    parent: node.path.clone(),
                    logical_type,
                    path: self.first_read(child).to_owned(),
                });
            }
        }
        Ok(())
    }

    fn first_read(&self, at: usize) -> &str {
        let node = &self.nodes[at];
        match (node.leaf, node.children.first()) {
            (None, Some(&(_, child))) => self.first_read(child),
            _ => &node.path,
        }
    }
}

/// One of 64 bits for a name, by its length and its last byte.
#[inline]
pub(super) fn name_bit(name: &[u8]) -> u64 {
    let last = name.last().copied().unwrap_or_default();
    1 << ((name.len() + 7 * usize::from(last)) % 64)
}
