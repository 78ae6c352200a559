//! One partition's chain: its transforms, what it knows of the keys, and how far event time has
//! come.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::column::{Batch, Field};
use crate::dead_letter::DeadLetter;
use crate::decode::{Decoder, FoundSchema, KeyReader, Unready, WantedSchema};
use crate::dedup::{Candidates, State, StepsBack, Version, VersionColumns, VersionKind, Versions};
use crate::dimension::Dimensions;
use crate::plan::{Plan, Roles};
use crate::record::Records;
use crate::transform::Transform;

use super::cells::Cells;
use super::check::{PlanError, PlanProblem, check_plans, check_target};
use super::enrich::{Enriched, enrich};
use super::fold::Fold;
use super::identity::Identity;
use super::judge::{EventTimeColumn, Judge};
use super::key_changes::{KeyChanges, OldKey};
use super::key_rows::KeyRows;
use super::layering::{Layering, Layers};
use super::lost_cells::LostCells;
use super::normalize::{Normalized, normalize};
use super::pending::{Learned, Pending, leave_out};
use super::read_back::{ReadBack, Stored};
use super::source_columns::RowNames;
use super::step::Step;
use super::target_columns::TargetColumns;
use super::truncates::{self, Truncates};
use super::uncomputed::{ChainFault, Uncomputed};
use super::{ChainSpec, Computed, Counts, Delete, Layer, Moment, StepsBackAt, WantedCells};

/// The walk of one partition's batches, and what it remembers between them.
///
/// Batches may be computed ahead of the commits, in order; [`Chain::committed`] follows for each,
/// in order too, or [`Chain::forget_uncommitted`] for all that are left.
pub struct Chain {
    spec: ChainSpec,
    decoder: Decoder,
    /// `None`: nobody knows where a record has its key.
    keys: Option<KeyReader>,
    normalizer: Step,
    enrichers: Vec<Step>,
    roles: Roles,
    event_time: EventTimeColumn,
    versions: VersionColumns,
    cells: Cells,
    /// The normalizer's column that says that the source table was emptied.
    truncate: Option<usize>,
    old_key: Option<OldKey>,
    /// `None`: records do not name all columns of a row.
    row_names: Option<RowNames>,
    target: TargetColumns,
    pub(super) identity: Identity,
    pub(super) state: State,
    /// The highest event time that has committed, microseconds.
    pub(super) event_time_max: Option<i64>,
    /// Computed and not yet committed, oldest first.
    pub(super) pending: VecDeque<Pending>,
    /// Whether what it is given is a log without holes.
    is_log: bool,
    /// Where the newest row of a key has what older ones say that it leaves out: the offsets of
    /// those records that have not been written.
    folds: Option<BTreeSet<i64>>,
}

impl Chain {
    /// Checks the transforms' plans against each other, the dimensions and `spec.target`.
    /// `event_time_max` (microseconds) comes from the checkpoint.
    pub fn new(
        spec: ChainSpec,
        transforms: Vec<Box<dyn Transform>>,
        dimensions: Arc<Dimensions>,
        event_time_max: Option<i64>,
    ) -> Result<Self, PlanError> {
        let plans: Vec<(&str, &Plan)> = transforms.iter().map(|t| (t.name(), t.plan())).collect();
        let refuse = |problems| PlanError { problems };
        let written = check_plans(&plans, &dimensions).map_err(refuse)?;
        let misfit = || {
            let message = "the plans do not fit together".to_owned();
            refuse(vec![PlanProblem {
                transform: None,
                message,
            }])
        };
        let roles = plans
            .first()
            .and_then(|(_, plan)| plan.roles.clone())
            .ok_or_else(misfit)?;
        let problems = check_target(&spec.target, &written, &roles);
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        Self::wire(
            spec,
            transforms,
            &dimensions,
            (written, roles),
            event_time_max,
        )
        .ok_or_else(misfit)
    }

    /// `None` only for what the checks refuse.
    fn wire(
        spec: ChainSpec,
        transforms: Vec<Box<dyn Transform>>,
        dimensions: &Dimensions,
        (written, roles): (Vec<Field>, Roles),
        event_time_max: Option<i64>,
    ) -> Option<Self> {
        let mut transforms = transforms.into_iter();
        let normalizer = transforms.next()?;
        let (reads, writes) = (
            normalizer.plan().reads.clone(),
            normalizer.plan().writes.clone(),
        );
        let (tombstone, max_bytes) = (spec.tombstone, spec.record_max_bytes);
        let decoder = Decoder::new(&reads, &spec.topic, spec.partition, tombstone, max_bytes)
            .and_then(|decoder| decoder.with_formats(&spec.formats))
            .ok()?
            .with_absent(spec.absent.as_deref())
            .with_forms(spec.forms)
            .with_missing(normalizer.plan());
        let keys = KeyReader::new(normalizer.plan(), spec.partition);
        let keys = keys.and_then(|keys| keys.with_formats(&spec.formats));
        let row_names = RowNames::new(normalizer.plan());
        let normalizer = Step::new(normalizer, &reads, dimensions, &[])?;
        let enrichers = transforms.map(|t| Step::new(t, &written, dimensions, &roles.key));
        let enrichers = enrichers.collect::<Option<Vec<_>>>()?;
        let versions = VersionColumns::new(&roles, &writes)?;
        let truncate = roles.truncate.as_ref();
        Some(Self {
            identity: Identity::new(&roles, &writes)?,
            decoder,
            keys: keys.map(|keys| keys.with_forms(spec.forms)),
            normalizer,
            cells: Cells::new(&roles, &writes, &enrichers, &spec.target),
            truncate: truncate.and_then(|name| writes.iter().position(|f| f.name == *name)),
            row_names,
            old_key: OldKey::new(&roles, &writes),
            enrichers,
            event_time: EventTimeColumn::new(&roles.event_time, &writes)?,
            state: State::new(&versions, spec.time.ttl_us, spec.state_max_bytes),
            versions,
            target: TargetColumns::new(&spec.target, &written)?,
            roles,
            spec,
            event_time_max,
            pending: VecDeque::new(),
            is_log: true,
            folds: None,
        })
    }

    /// For records that are some of a log's, such as dead letters: the place of a record without a
    /// value among the others is not known, so it keeps Kafka's time.
    pub fn of_letters(self) -> Self {
        Self {
            is_log: false,
            ..self
        }
    }

    /// For all that is left of some keys' events, of which those at the offsets `unwritten` have
    /// not been written: their newest rows have what older ones say, too, as the table may have
    /// that version already, and would turn away what is older.
    pub fn folding(self, unwritten: impl IntoIterator<Item = i64>) -> Self {
        Self {
            folds: Some(unwritten.into_iter().collect()),
            ..self
        }
    }

    /// Looks whether the schemas of all records are known. `None`: they are, and all records can
    /// be computed.
    pub fn look(&self, records: &Records) -> Option<Unready> {
        self.decoder.look(records)
    }

    /// Learns what was found of a schema, in the place of what was known of it.
    pub fn learn(&mut self, wanted: WantedSchema, found: &FoundSchema) {
        self.decoder.learn(wanted, found);
        if let Some(keys) = &mut self.keys {
            keys.learn(wanted, found);
        }
    }

    /// The schemas that are known whose values lack some of what the normalizer reads, with that.
    pub fn missing_paths(&self) -> Vec<(WantedSchema, &[String])> {
        self.decoder.missing_paths()
    }

    /// Computes the next batch, seeing earlier computed but uncommitted ones as if they had
    /// committed. There is at least one record.
    ///
    /// `Err`: the component or plan is at fault, no row is: the partition must halt.
    pub fn compute(&mut self, records: Records, now_us: i64) -> Result<Computed, Uncomputed> {
        self.compute_knowing(records, Learned::default(), now_us)
    }

    /// Computes the same records again, with these rows as dead letters (Postgres refused them);
    /// the next newest version of their keys takes their place. `refused` names a row by record and
    /// ordinal (1 + rank); of dead letters also one that these rules do not make. Only for the
    /// oldest uncommitted batch; later ones are forgotten. The clock is that of the first time, so
    /// that no other row changes sides.
    pub fn exclude(
        &mut self,
        computed: Computed,
        refused: Vec<DeadLetter>,
    ) -> Result<Computed, Uncomputed> {
        let mut learned = self.forget_oldest();
        learned.refused.extend(refused);
        // A row that Postgres refuses may have spoilt what was read back for all.
        (learned.stored, learned.previous) = (None, None);
        self.compute_knowing(computed.records, learned, computed.moment.now_us)
    }

    /// Computes the same records again, with what the table has of [`Computed::wanted`]: a row for
    /// each of its keys and a cell for each of its columns, not present where there is no row,
    /// where it is deleted, or where the cell is not known; and of each row that is held whether
    /// it is older than what the table has, or had before it was deleted. The answer may want
    /// more, and what is read for that replaces this. Only for the oldest uncommitted batch, once
    /// what came before it has committed, since the table must be as that left it; later ones are
    /// forgotten.
    pub fn with_stored(
        &mut self,
        mut computed: Computed,
        stored: &Batch,
        is_older: &[bool],
    ) -> Result<Computed, Uncomputed> {
        let mut learned = self.forget_oldest();
        if let Some(wanted) = computed.wanted.take() {
            let of = match wanted.previous {
                None => &mut learned.stored,
                Some(_) => &mut learned.previous,
            };
            *of = Stored::new(*wanted, stored, is_older);
            debug_assert!(of.is_some(), "an answer to what was wanted");
        }
        self.compute_knowing(computed.records, learned, computed.moment.now_us)
    }

    fn forget_oldest(&mut self) -> Learned {
        let oldest = self.pending.pop_front();
        self.pending.clear();
        oldest.map_or_else(Learned::default, |pending| pending.learned)
    }

    fn compute_knowing(
        &mut self,
        records: Records,
        learned: Learned,
        now_us: i64,
    ) -> Result<Computed, Uncomputed> {
        let moment = Moment {
            now_us,
            event_time_max: self.event_time_ahead(),
        };
        match self.walk(&records, learned, moment) {
            Ok(walked) => Ok(Computed { records, ..walked }),
            Err(fault) => Err(Uncomputed {
                records: Box::new(records),
                moment,
                fault: Box::new(fault),
            }),
        }
    }

    /// The oldest computed batch has committed: the dedup state and watermark learn.
    pub fn committed(&mut self, computed: &Computed) {
        let Some(batch) = self.pending.pop_front() else {
            return;
        };
        debug_assert_eq!(
            batch.next_offset, computed.next_offset,
            "batches commit in order"
        );
        self.event_time_max = batch.event_time_max;
        if let Some(event_time_max) = batch.event_time_max {
            self.state
                .learn(&batch.versions, &batch.rows, event_time_max);
        }
    }

    /// Forgets every computed but uncommitted batch.
    pub fn forget_uncommitted(&mut self) {
        self.pending.clear();
    }

    /// The highest event time accepted so far, of what has committed, microseconds.
    pub fn event_time_max_us(&self) -> Option<i64> {
        self.event_time_max
    }

    /// The event time that no record should be behind, as of what has committed, microseconds.
    pub fn watermark_us(&self) -> Option<i64> {
        self.event_time_max
            .map(|max| max.saturating_sub(self.spec.time.watermark_delay_us))
    }

    /// How far event time will have come when all that is computed has committed.
    pub(super) fn event_time_ahead(&self) -> Option<i64> {
        let last = self.pending.back();
        last.map_or(self.event_time_max, |p| p.event_time_max)
    }

    /// The columns of [`Computed::rows`].
    pub fn target(&self) -> &[Field] {
        &self.target.fields
    }

    /// The normalizer's.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Keys and bytes that the dedup state holds.
    pub fn state_size(&self) -> (usize, usize) {
        (self.state.len(), self.state.bytes())
    }

    /// All but the records themselves.
    fn walk(
        &mut self,
        records: &Records,
        learned: Learned,
        moment: Moment,
    ) -> Result<Computed, ChainFault> {
        self.normalizer.begin();
        self.enrichers.iter_mut().for_each(Step::begin);
        let mut counts = Counts {
            records: records.len() as u64,
            ..Counts::default()
        };
        if let Some(unready) = self.decoder.look(records) {
            return Err(ChainFault::of_schemas(unready.because));
        }
        let mut decoded = self.decoder.decode(records);
        counts.tombstones = decoded.tombstones;
        let mut dead_letters = std::mem::take(&mut decoded.dead_letters);
        let mut normalized = normalize(&mut self.normalizer, &decoded, &mut dead_letters)?;
        let names = self.row_names.as_ref();
        let source_columns = names.and_then(|names| names.look(records));
        let unnamed = names.map_or_else(Vec::new, |names| {
            names.unnamed(&decoded, &normalized.batch, &normalized.sources)
        });
        drop(decoded);
        let previous = self.fill_previous(
            &mut normalized,
            records,
            &dead_letters,
            learned.previous.as_ref(),
        );
        let truncates = Truncates::new(self.truncate, &normalized, records, &self.spec)?;
        counts.dropped = normalized.dropped + truncates.ignored();

        let rules = Judge {
            event_time: self.event_time,
            versions: &self.versions,
            kind: self.roles.version.kind,
            truncates: &truncates,
            policy: &self.spec.time,
            now_us: moment.now_us,
            records,
            tombstones: (self.spec.tombstone == super::Tombstone::Delete)
                .then(|| self.decoder.value_form()),
            is_log: self.is_log,
        };
        let mut judged = rules.judge(&mut normalized, moment.event_time_max, &mut dead_letters);
        let event_time_max = judged.event_time_max;
        counts.late = judged.late;
        leave_out(
            &mut judged.accepted,
            &normalized.sources,
            &learned.refused,
            !self.is_log,
        )?;
        dead_letters.extend(learned.refused.iter().cloned());

        let versions = Versions::new(&self.versions, &normalized.batch, judged.event_time_us);
        let mut accepted = judged.accepted;
        let accepted_rows = accepted.len() as u64;
        let emptied = truncates.take_out(&mut accepted, &versions);
        if let (Some(emptied), Delete::Hard) = (emptied, self.spec.delete) {
            accepted.retain(|&row| versions.is_newer(row, emptied));
        }
        let mut candidates = Candidates::new(&versions, accepted.into_iter());
        let (mut steps_back, mut lost_later) = self.drop_beaten(&versions, &mut candidates);
        if let Some(stored) = &learned.stored {
            candidates.drop_older(&versions, |row| stored.is_older(row));
        }
        let key_rows = KeyRows::new(
            &self.cells,
            self.spec.delete,
            &normalized,
            &versions,
            &candidates,
            emptied,
        );
        let layering = key_rows.map(Layering::new);
        let stored = learned.stored.as_ref();
        // Whoever folds has all that came after the first; where the offset decides, rows come in
        // the order of their versions. What is remembered of a key may have lost to the table's.
        let is_newest = self.folds.is_some() || self.roles.version.kind == VersionKind::Offset;
        let mut read_back = layering.is_some().then(|| {
            let (cells, target) = (&self.cells, &self.target);
            ReadBack::new(cells, &normalized, &versions, target, stored, is_newest)
        });
        let Enriched {
            mut layers,
            failed,
            unanswered,
        } = enrich(
            (&self.cells, &normalized),
            &versions,
            &candidates,
            layering.zip(read_back.as_mut()),
            &mut self.enrichers,
            &self.target,
            &mut dead_letters,
        )?;
        if self.folds.is_some() {
            Fold::new(&normalized, &versions, self.cells.deleted).fold(&mut layers);
        }
        let layer = |rows: &[u32]| {
            let mut columns = normalized.batch.take(rows).columns;
            columns.extend(self.enrichers.iter().flat_map(|e| e.unasked(rows.len())));
            Layer {
                rows: self.target.pick(&columns, rows.len()),
                sources: normalized.sources_of(rows),
            }
        };
        let wanted = read_back
            .and_then(|read| read.wanted(&candidates, &self.target, &self.roles.key, layer));
        let wanted = previous.or(wanted);
        // The answer to what is wanted is one to them, too.
        let unanswered = match wanted {
            Some(_) => Vec::new(),
            None => unanswered,
        };
        // One row of `gristmill.dead_letter` each; the sort is stable, so the first thing found
        // about a row stands.
        dead_letters.sort_by_key(|d| (d.record, d.ordinal));
        dead_letters.dedup_by_key(|d| (d.record, d.ordinal));
        let lost = LostCells {
            cells: &self.cells,
            columns: &self.versions,
            event_time: self.event_time.position(),
            enrichers: &self.enrichers,
            target: &self.target,
            normalized: &normalized,
            versions: &versions,
            candidates: &candidates,
            emptied,
        };
        // Of what was written before the table has what it says, or what is newer.
        let unwritten = match &self.folds {
            None => Cow::Borrowed(&dead_letters),
            Some(offsets) => {
                let offset = |letter: &&DeadLetter| records.offset(letter.record as usize);
                let letters = dead_letters.iter().filter(|l| offsets.contains(&offset(l)));
                Cow::Owned(letters.cloned().collect())
            }
        };
        let is_all_known = unwritten.is_empty() && unanswered.is_empty() && unnamed.is_empty();
        let (unknown, unread) = match is_all_known {
            true => (None, None),
            false => {
                let whole = unwritten.iter().filter(|letter| letter.ordinal == 0);
                let of = whole.map(|letter| letter.record);
                let keys = self.keys.as_mut();
                let found = keys.map(|keys| keys.read(&self.decoder, records, of));
                let unread = found.and_then(|found| lost.unread(found, &unwritten));
                let unknown = lost.find(&unwritten, (&unanswered, &unnamed), |row| {
                    self.known(&versions, row)
                });
                (unknown, unread)
            }
        };
        let emptied =
            emptied.map(|row| truncates::layer(row, &normalized, &self.enrichers, &self.target));

        counts.rows = layers.newest.len() as u64 + u64::from(emptied.is_some());
        counts.superseded = accepted_rows - counts.rows - failed;
        counts.dead_letters = dead_letters.len() as u64;
        if self.roles.version.kind == VersionKind::OrderFirst && counts.superseded > 0 {
            let (rows, first) = candidates.lost_though_later(&versions);
            lost_later = (lost_later.0 + rows, first_of(lost_later.1, first));
        } else if counts.superseded > steps_back.rows {
            steps_back = steps_back.and(candidates.steps_back(&versions));
        }
        let steps_back = StepsBackAt {
            rows: steps_back.rows,
            first_offset: first_of(steps_back.first, lost_later.1).map_or(0, |row| {
                let source = normalized.sources[row as usize];
                records.offset(source.record as usize)
            }),
            longest_us: steps_back.longest_us,
            though_later: lost_later.0,
        };
        let next_offset = records.last().map_or(0, |r| r.offset + 1);
        let sources = normalized.sources_of(&layers.newest);
        let Layers {
            before_truncate,
            after_truncate,
            newest,
            rows,
        } = layers;
        self.pending.push_back(Pending {
            next_offset,
            versions,
            rows: newest,
            event_time_max,
            learned,
        });
        Ok(Computed {
            records: Records::default(),
            moment,
            next_offset,
            earlier: Layers::earlier(before_truncate, emptied, after_truncate),
            rows,
            sources,
            wanted: wanted.map(Box::new),
            read: None,
            unknown: unknown.map(Box::new),
            unread: unread.map(Box::new),
            dead_letters,
            event_time_max,
            counts,
            steps_back,
            source_columns,
        })
    }

    /// Gives rows what they had under another key. Returns what only the table has of that.
    fn fill_previous(
        &self,
        normalized: &mut Normalized,
        records: &Records,
        unread: &[DeadLetter],
        stored: Option<&Stored>,
    ) -> Option<WantedCells> {
        let old_key = self.old_key.as_ref()?;
        let Normalized { batch, sources, .. } = normalized;
        let (event_time, kind) = (self.event_time, self.roles.version.kind);
        let times = event_time.of_rows(batch);
        let until_us = |row: usize| match kind {
            VersionKind::EventTime | VersionKind::OrderFirst => times(row),
            // The time that Kafka gave it, to the millisecond.
            VersionKind::Offset => {
                let at_ms = records.timestamp_ms(sources[row].record as usize);
                at_ms
                    .unwrap_or_default()
                    .saturating_mul(1_000)
                    .saturating_add(999)
            }
        };
        let unread_from = unread.iter().map(|letter| letter.record).min();
        let is_certain = |row: usize| unread_from.is_none_or(|from| sources[row].record < from);
        let changes = KeyChanges {
            old_key,
            cells: &self.cells,
            target: &self.target,
            key: &self.roles.key,
            stored,
            until_us: &until_us,
            is_of_delete: kind != VersionKind::Offset,
            is_certain: &is_certain,
            partition: self.spec.partition,
        };
        changes.fill(batch)
    }

    /// The newest version of the key of a row of `versions`, as far as it is remembered.
    fn known(&self, versions: &Versions, row: u32) -> Option<Version<'_>> {
        if self.roles.version.kind == VersionKind::Offset {
            return None;
        }
        let ahead = self.pending.iter();
        let ahead = ahead.filter_map(|p| p.version(&mut 0, versions, row));
        ahead.max().max(self.state.get(versions, row))
    }

    /// Drops what is older than what has committed, or will have when this batch does. Returns also
    /// how many of those happened later, where that does not decide, and the first of them.
    fn drop_beaten(
        &self,
        versions: &Versions,
        candidates: &mut Candidates,
    ) -> (StepsBack, (u64, Option<u32>)) {
        let kind = self.roles.version.kind;
        if kind == VersionKind::Offset {
            return (StepsBack::default(), (0, None));
        }
        let mut later = (0, None);
        let lost = |row| {
            if kind == VersionKind::OrderFirst && self.state.is_of_earlier(versions, row) {
                later = (later.0 + 1, first_of(later.1, Some(row)));
            }
        };
        let mut ahead: Vec<_> = self.pending.iter().map(|p| (p, 0)).collect();
        let known = |row| {
            let uncommitted = ahead.iter_mut().map(|(p, at)| p.version(at, versions, row));
            uncommitted
                .max()
                .flatten()
                .max(self.state.get(versions, row))
        };
        let steps_back = candidates.drop_beaten(versions, known, lost);
        (steps_back, later)
    }
}

fn first_of(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    a.into_iter().chain(b).min()
}
