//! From a schema's types and the reads of one part of a record to steps.

use std::collections::HashMap;
use std::sync::Arc;

use super::avro_program::{AvroProgram, AvroRead, AvroStep, MapReads, NONE, WrongBranch};
use super::avro_types::{AvroKind, AvroTypes, TypeId};
use crate::decode::conversion::{Physical, TypedRead, impossible};
use crate::decode::form::{Elements, Form};
use crate::decode::meaning::Meaning;
use crate::decode::misfit::{CompiledReads, Misfit, STEPS_MAX};
use crate::decode::trie::Trie;

/// Compiles the reads of `trie` for values of these types. `is_lenient`: what has no names may lie
/// where names are read, and says nothing then.
pub(crate) fn compile(
    types: &Arc<AvroTypes>,
    trie: &Trie,
    is_lenient: bool,
) -> Result<CompiledReads<AvroProgram>, String> {
    let mut compiler = Compiler {
        types,
        trie,
        is_lenient,
        program: AvroProgram {
            types: Arc::clone(types),
            steps: Vec::new(),
            branches: Vec::new(),
            reads: Vec::new(),
            maps: Vec::new(),
            wrongs: Vec::new(),
            null: null_branch(types),
        },
        label: 0,
        skips: HashMap::new(),
        wanted: Vec::new(),
        mismatches: Vec::new(),
        missing: Vec::new(),
    };
    compiler.value(types.root, Some(0))?;
    compiler.put(AvroStep::End)?;
    compiler.put_skips()?;
    let Compiler {
        program,
        mismatches,
        mut missing,
        ..
    } = compiler;
    missing.sort();
    missing.dedup();
    Ok(CompiledReads {
        program,
        mismatches,
        missing,
    })
}

/// The branch of a whole value that is null, where that is a union.
fn null_branch(types: &AvroTypes) -> Option<i64> {
    let AvroKind::Union(branches) = types.kind(types.root) else {
        return None;
    };
    let is_null = |branch: &TypeId| *types.kind(*branch) == AvroKind::Null;
    let at = branches.iter().position(is_null)?;
    i64::try_from(at).ok()
}

struct Compiler<'a> {
    types: &'a AvroTypes,
    trie: &'a Trie,
    is_lenient: bool,
    program: AvroProgram,
    /// Where the steps begin that pass over a record, once they are there.
    skips: HashMap<TypeId, u32>,
    /// The last step that others may go on at: it stays apart from the one before.
    label: u32,
    /// The calls of such steps: the call's place and the record.
    wanted: Vec<(usize, TypeId)>,
    mismatches: Vec<Misfit>,
    missing: Vec<String>,
}

type Put = Result<(), String>;

impl Compiler<'_> {
    fn put(&mut self, step: AvroStep) -> Result<usize, String> {
        let steps = &mut self.program.steps;
        if steps.len() >= STEPS_MAX {
            return Err(format!(
                "its values need more than {STEPS_MAX} steps: read fewer columns"
            ));
        }
        steps.push(step);
        Ok(steps.len() - 1)
    }

    /// Where the next step will be, which others go on at.
    fn here(&mut self) -> u32 {
        // STEPS_MAX is far below 2^32.
        self.label = self.program.steps.len() as u32;
        self.label
    }

    /// Passes over a value.
    fn skip(&mut self, of: TypeId) -> Put {
        let types = self.types;
        match types.kind(of) {
            AvroKind::Null => {}
            AvroKind::Boolean => self.pass(AvroStep::SkipBytes(1))?,
            AvroKind::Int | AvroKind::Long | AvroKind::Enum(_) => {
                self.pass(AvroStep::SkipVarints(1))?;
            }
            AvroKind::Float => self.pass(AvroStep::SkipBytes(4))?,
            AvroKind::Double => self.pass(AvroStep::SkipBytes(8))?,
            AvroKind::Bytes | AvroKind::Text => self.pass(AvroStep::SkipTexts(1))?,
            AvroKind::Fixed(bytes) => self.pass(AvroStep::SkipBytes(*bytes as u32))?,
            AvroKind::List(items) => self.items(*items, false)?,
            AvroKind::Map(values) => self.items(*values, true)?,
            AvroKind::Record(_) => {
                let call = self.put(AvroStep::Call(0))?;
                self.wanted.push((call, of));
            }
            AvroKind::Union(branches) => match self.optional(branches) {
                Some((null, AvroKind::Int | AvroKind::Long)) => {
                    self.put(AvroStep::SkipOptionalVarint(null))?;
                }
                Some((null, AvroKind::Text | AvroKind::Bytes)) => {
                    self.put(AvroStep::SkipOptionalText(null))?;
                }
                _ => self.union(branches, None)?,
            },
        }
        Ok(())
    }

    /// Puts a step that passes over something, as one with the last step where that does the same.
    fn pass(&mut self, step: AvroStep) -> Put {
        let is_apart = self.program.steps.len() <= self.label as usize;
        let last = self.program.steps.last_mut().filter(|_| !is_apart);
        let both = last.and_then(|last| {
            let both = match (*last, step) {
                (AvroStep::SkipVarints(a), AvroStep::SkipVarints(b)) => {
                    AvroStep::SkipVarints(a + b)
                }
                (AvroStep::SkipTexts(a), AvroStep::SkipTexts(b)) => AvroStep::SkipTexts(a + b),
                (AvroStep::SkipBytes(a), AvroStep::SkipBytes(b)) => {
                    AvroStep::SkipBytes(a.checked_add(b)?)
                }
                _ => return None,
            };
            *last = both;
            Some(())
        });
        match both {
            Some(()) => Ok(()),
            None => self.put(step).map(drop),
        }
    }

    fn items(&mut self, of: TypeId, is_map: bool) -> Put {
        let items = self.put(AvroStep::Items { after: 0 })?;
        self.here();
        if is_map {
            self.pass(AvroStep::SkipTexts(1))?;
        }
        self.skip(of)?;
        self.put(AvroStep::Return)?;
        let after = self.here();
        self.program.steps[items] = AvroStep::Items { after };
        Ok(())
    }

    /// Where a union is of null and one more: which of both is null, and what the other is.
    fn optional(&self, branches: &[TypeId]) -> Option<(u32, &AvroKind)> {
        let [a, b] = branches else { return None };
        match (self.types.kind(*a), self.types.kind(*b)) {
            (AvroKind::Null, other) => Some((0, other)),
            (other, AvroKind::Null) => Some((1, other)),
            _ => None,
        }
    }

    /// A value at a place of the trie; at none it is passed over.
    fn value(&mut self, of: TypeId, at: Option<usize>) -> Put {
        let Some(at) = at else { return self.skip(of) };
        let types = self.types;
        if let AvroKind::Union(branches) = types.kind(of) {
            return self.read_union(branches, at);
        }
        if *types.kind(of) != AvroKind::Null && !self.may_be(of, at) {
            self.mismatch(&[of], at);
        }
        self.branch(of, at)
    }

    /// A value at a place of the trie that may be another branch's turn: it is of no union.
    fn branch(&mut self, of: TypeId, at: usize) -> Put {
        let types = self.types;
        let node = &self.trie.nodes[at];
        if let Some(read) = self.read(of, at) {
            return match node.children.is_empty() {
                true => self.put_read(of, read),
                false => {
                    self.put(AvroStep::Ahead(read))?;
                    self.below(of, at)
                }
            };
        }
        match (node.leaf, types.kind(of)) {
            (Some(leaf), AvroKind::Null) => {
                self.put(AvroStep::Null(leaf.slot as u32))?;
                Ok(())
            }
            (Some(_), _) => {
                self.wrong(of, at)?;
                self.skip(of)
            }
            (None, _) => self.below(of, at),
        }
    }

    fn read_union(&mut self, branches: &[TypeId], at: usize) -> Put {
        if !branches.iter().any(|branch| self.may_be(*branch, at)) {
            self.mismatch(branches, at);
        }
        let slot = self.trie.nodes[at]
            .leaf
            .map_or(NONE, |leaf| leaf.slot as u32);
        let Some((null, _)) = self.optional(branches) else {
            return self.union(branches, Some(at));
        };
        let optional = self.put(AvroStep::Optional {
            null,
            slot,
            after: 0,
        })?;
        self.branch(branches[1 - null as usize], at)?;
        let after = self.here();
        self.program.steps[optional] = AvroStep::Optional { null, slot, after };
        Ok(())
    }

    fn union(&mut self, branches: &[TypeId], at: Option<usize>) -> Put {
        let first = self.program.branches.len() as u32;
        let count = branches.len() as u32;
        self.put(AvroStep::Union { first, count })?;
        let room = self.program.branches.len() + branches.len();
        self.program.branches.resize(room, 0);
        let mut ends = Vec::new();
        for (i, &branch) in branches.iter().enumerate() {
            self.program.branches[first as usize + i] = self.here();
            match at {
                Some(at) => self.branch(branch, at)?,
                None => self.skip(branch)?,
            }
            ends.push(self.put(AvroStep::Jump(0))?);
        }
        let here = self.here();
        ends.into_iter()
            .for_each(|end: usize| self.program.steps[end] = AvroStep::Jump(here));
        Ok(())
    }

    /// The read of the leaf at a place, of values of that type.
    fn read(&mut self, of: TypeId, at: usize) -> Option<u32> {
        let read = self.typed_read(of, at)?;
        self.program.reads.push(AvroRead { read, of });
        Some(self.program.reads.len() as u32 - 1)
    }

    fn typed_read(&self, of: TypeId, at: usize) -> Option<TypedRead> {
        let node = &self.trie.nodes[at];
        let leaf = node.leaf?;
        let found = self.types.get(of);
        let physical = match &found.kind {
            AvroKind::Null | AvroKind::Union(_) => return None,
            AvroKind::Boolean => Physical::Boolean,
            AvroKind::Int | AvroKind::Long => Physical::Integer,
            AvroKind::Float | AvroKind::Double => Physical::Float,
            AvroKind::Bytes | AvroKind::Fixed(_) => Physical::Bytes,
            AvroKind::Text | AvroKind::Enum(_) => Physical::Text,
            AvroKind::Record(_) if found.meaning == Meaning::VariableScale => {
                Physical::ScaledInteger
            }
            AvroKind::List(_) | AvroKind::Map(_) | AvroKind::Record(_) => Physical::Composite,
        };
        let mut read = TypedRead::new(leaf, &node.path, physical, found.meaning)?;
        if let Some(elements) = self.elements(of).filter(|_| read.leaf.is_json()) {
            read.leaf.form = Form::List(elements);
        }
        Some(read)
    }

    /// What the elements of a list are, and of the lists in it.
    fn elements(&self, of: TypeId) -> Option<Elements> {
        let mut of = of;
        // Lists in lists without end are none that JSON could have.
        for _ in 0..self.types.types.len() {
            let AvroKind::List(items) = self.types.kind(of) else {
                return None;
            };
            let items = match self.types.kind(*items) {
                AvroKind::Union(branches) => {
                    let is_null = |id: &TypeId| *self.types.kind(*id) == AvroKind::Null;
                    *branches.iter().find(|branch| !is_null(branch))?
                }
                _ => *items,
            };
            match self.types.get(items).meaning.elements() {
                Some(elements) => return Some(elements),
                None => of = items,
            }
        }
        None
    }

    fn put_read(&mut self, of: TypeId, read: u32) -> Put {
        let typed = &self.program.reads[read as usize].read;
        let step = match self.types.kind(of) {
            AvroKind::Long if typed.leaf.is_integer() => AvroStep::Int64(typed.leaf.slot as u32),
            AvroKind::Text if !typed.leaf.is_json() => AvroStep::Text(read),
            _ => AvroStep::Read(read),
        };
        self.put(step).map(drop)
    }

    /// A value that has reads below.
    fn below(&mut self, of: TypeId, at: usize) -> Put {
        let types = self.types;
        let trie = self.trie;
        let node = &trie.nodes[at];
        match types.kind(of) {
            AvroKind::Record(fields) => {
                let child = |name: &str| node.children.iter().find(|(n, _)| n == name);
                for (name, child) in &node.children {
                    if fields.iter().any(|field| *field.name == **name) {
                        continue;
                    }
                    self.note_missing(*child);
                    let leaf = trie.nodes[*child].leaf;
                    if let Some(leaf) = leaf.filter(|l| node.null_where_missing.contains(&l.slot)) {
                        self.put(AvroStep::Null(leaf.slot as u32))?;
                    }
                }
                for field in fields {
                    let at = child(&field.name).map(|(_, child)| *child);
                    self.value(field.of, at)?;
                }
                Ok(())
            }
            AvroKind::Map(values) => self.entries(*values, at),
            AvroKind::Null => Ok(()),
            _ if node.may_be_bare && node.leaf.is_none() => {
                self.value(of, Some(node.children[0].1))
            }
            _ => {
                if !self.is_lenient {
                    self.wrong(of, at)?;
                }
                self.skip(of)
            }
        }
    }

    fn note_missing(&mut self, at: usize) {
        let node = &self.trie.nodes[at];
        if node.leaf.is_some() {
            self.missing.push(node.path.clone());
        }
        let children: Vec<usize> = node.children.iter().map(|(_, child)| *child).collect();
        children
            .into_iter()
            .for_each(|child| self.note_missing(child));
    }

    fn entries(&mut self, values: TypeId, at: usize) -> Put {
        let map = self.program.maps.len() as u32;
        self.program.maps.push(MapReads {
            names: Vec::new(),
            skip: 0,
        });
        let entries = self.put(AvroStep::Entries { map, after: 0 })?;
        let skip = self.here();
        self.skip(values)?;
        self.put(AvroStep::Return)?;
        let mut names = Vec::new();
        for (name, child) in &self.trie.nodes[at].children {
            names.push((name.as_str().into(), self.here()));
            self.value(values, Some(*child))?;
            self.put(AvroStep::Return)?;
        }
        self.program.maps[map as usize] = MapReads { names, skip };
        let after = self.here();
        self.program.steps[entries] = AvroStep::Entries { map, after };
        Ok(())
    }

    /// Whether something can be made of values of a type at a place, whatever it is.
    fn may_be(&self, of: TypeId, at: usize) -> bool {
        let node = &self.trie.nodes[at];
        match (node.leaf, self.types.kind(of)) {
            (_, AvroKind::Union(branches)) => branches.iter().any(|b| self.may_be(*b, at)),
            // Never what is wrong with a union.
            (_, AvroKind::Null) => false,
            (Some(_), _) => self.typed_read(of, at).is_some(),
            (None, AvroKind::Record(_) | AvroKind::Map(_)) => true,
            (None, _) if node.may_be_bare => self.may_be(of, node.children[0].1),
            (None, _) => self.is_lenient,
        }
    }

    /// Notes that values of a type are not what is read at a place.
    fn wrong(&mut self, of: TypeId, at: usize) -> Put {
        let node = &self.trie.nodes[at];
        let (slot, expected) = match (node.leaf, node.below.first()) {
            (Some(leaf), _) if node.children.is_empty() || !leaf.is_json() => {
                (leaf.slot, leaf.logical_type.to_string())
            }
            (_, Some(&slot)) => (slot, "an object".to_owned()),
            (_, None) => return Ok(()),
        };
        self.program.wrongs.push(WrongBranch {
            slot,
            path: node.path.clone(),
            expected,
            found: impossible(self.types.get(of).called),
        });
        let wrong = self.program.wrongs.len() as u32 - 1;
        self.put(AvroStep::Wrong(wrong)).map(drop)
    }

    fn mismatch(&mut self, branches: &[TypeId], at: usize) {
        let is_null = |of: &TypeId| *self.types.kind(*of) == AvroKind::Null;
        let others = branches.iter().filter(|of| !is_null(of));
        let found: Vec<&str> = others.map(|of| self.types.get(*of).called).collect();
        if !found.is_empty() {
            let found = impossible(&found.join(" or "));
            self.mismatches.push(Misfit::new(self.trie, at, found));
        }
    }

    /// Puts the steps that pass over records.
    fn put_skips(&mut self) -> Put {
        while let Some((call, of)) = self.wanted.pop() {
            let at = match self.skips.get(&of) {
                Some(&at) => at,
                None => {
                    let at = self.here();
                    self.skips.insert(of, at);
                    let types = self.types;
                    if let AvroKind::Record(fields) = types.kind(of) {
                        for field in fields {
                            self.skip(field.of)?;
                        }
                    }
                    self.put(AvroStep::Return)?;
                    at
                }
            };
            self.program.steps[call] = AvroStep::Call(at);
        }
        Ok(())
    }
}
