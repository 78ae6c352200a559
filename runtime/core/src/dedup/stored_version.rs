//! A row's version as its table keeps it: bytes that compare as the versions do.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use crate::column::{Batch, Field, LogicalType};
use crate::plan::Roles;

use super::pack::{Packed, PackedColumn, ordered_int};
use super::version_kind::VersionKind;

/// Bytes of a version without order columns: most have none.
const WIDTH: usize = 1 + 8 + 4 + 4 + 8;

/// How the versions of a table's rows are packed. The first byte is the rule's number.
///
/// Below [`VersionLayout::TIME_LAST`] the event time (8 bytes) follows, then the order columns,
/// each behind a byte that tells null from a value, then log (4), partition (4) and offset (8).
/// From there on the order columns come first, and the time comes last: it decides nothing there,
/// but versions of other rules can be compared by it. Of [`VersionKind::Offset`] there are no order
/// columns, and the time is the one that Kafka gave the record.
#[derive(Clone, Debug)]
pub struct VersionLayout {
    rule: u8,
    kind: VersionKind,
    event_time: usize,
    /// From the event time's unit to microseconds.
    times: i64,
    order: Vec<usize>,
}

/// The versions of a batch's rows.
#[derive(Debug)]
pub struct StoredVersions(Packed);

/// The record that a row came from, as far as a version says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    pub offset: i64,
    /// The time that Kafka gave it, milliseconds since the Unix epoch.
    pub timestamp_ms: Option<i64>,
}

impl VersionLayout {
    /// The first number of a rule whose versions have their time behind everything else.
    pub const TIME_LAST: u8 = 128;
    /// The last number of a rule.
    pub const RULE_MAX: u8 = 254;

    /// `rule` is the number of the rule by which the table's rows of `fields` have versions.
    /// `None`: `roles` names a column that `fields` does not have, or an event time that is none.
    pub fn new(rule: u8, roles: &Roles, fields: &[Field]) -> Option<Self> {
        let find = |name: &String| fields.iter().position(|f| f.name == *name);
        let event_time = find(&roles.event_time)?;
        let times = match fields[event_time].logical_type {
            LogicalType::TimestampUs => 1,
            LogicalType::TimestampMs => 1000,
            _ => return None,
        };
        let order = match roles.version.kind {
            VersionKind::Offset => Vec::new(),
            _ => roles.order.iter().map(find).collect::<Option<_>>()?,
        };
        Some(Self {
            rule,
            kind: roles.version.kind,
            event_time,
            times,
            order,
        })
    }

    /// Packs the versions of `rows`, which have the fields, and come from the records at `places`
    /// (parallel to them) of a partition. `log` is the number of the topic among those of its name.
    pub fn pack(
        &self,
        rows: &Batch,
        (log, partition): (i32, i32),
        places: impl Iterator<Item = RecordPlace>,
    ) -> StoredVersions {
        let times = rows.columns[self.event_time]
            .values
            .as_primitive::<Int64Type>();
        let order = self.order.iter();
        let order =
            order.map(|&i| PackedColumn::new(rows.fields[i].logical_type, &rows.columns[i]));
        let order: Vec<PackedColumn<'_>> = order.collect();
        let mut packed = Packed::with_capacity(rows.rows, WIDTH);
        for (row, place) in places.enumerate() {
            let us = match self.kind {
                VersionKind::Offset => place.timestamp_ms.unwrap_or(0).saturating_mul(1000),
                _ => times.value(row).saturating_mul(self.times),
            };
            let time = ordered_int(us).to_be_bytes();
            packed.push_row(|bytes| {
                bytes.push(self.rule);
                if self.kind == VersionKind::EventTime {
                    bytes.extend_from_slice(&time);
                }
                order
                    .iter()
                    .for_each(|column| column.pack(row, false, bytes));
                bytes.extend_from_slice(&log.to_be_bytes());
                bytes.extend_from_slice(&partition.to_be_bytes());
                bytes.extend_from_slice(&place.offset.to_be_bytes());
                if self.kind != VersionKind::EventTime {
                    bytes.extend_from_slice(&time);
                }
            });
        }
        StoredVersions(packed)
    }

    /// The version of all that comes from the record at `place` of a partition. `None`: more than
    /// its place decides.
    pub fn of_place(&self, (log, partition): (i32, i32), place: RecordPlace) -> Option<Vec<u8>> {
        if self.kind != VersionKind::Offset {
            return None;
        }
        let us = place.timestamp_ms.unwrap_or(0).saturating_mul(1000);
        let mut bytes = vec![self.rule];
        bytes.extend_from_slice(&log.to_be_bytes());
        bytes.extend_from_slice(&partition.to_be_bytes());
        bytes.extend_from_slice(&place.offset.to_be_bytes());
        bytes.extend_from_slice(&ordered_int(us).to_be_bytes());
        Some(bytes)
    }

    /// Whether the version `new`, which is of this layout, is older than `stored`, which may be of
    /// another rule: as the guard in Postgres compares them.
    pub fn is_older(&self, new: &[u8], stored: &[u8]) -> bool {
        let Some(&rule) = stored.first() else {
            return false;
        };
        if rule == self.rule && self.kind != VersionKind::Offset {
            return new < stored;
        }
        let (new, stored) = (Parts::of(new), Parts::of(stored));
        let (Some(new), Some(stored)) = (new, stored) else {
            return false;
        };
        match rule == self.rule {
            true if new.partition == stored.partition => {
                (new.log, new.offset) < (stored.log, stored.offset)
            }
            true => (new.time, new.partition) < (stored.time, stored.partition),
            false if (new.log, new.partition) == (stored.log, stored.partition) => {
                new.offset < stored.offset
            }
            false => new.time < stored.time,
        }
    }
}

/// What versions of all rules have, as bytes that compare as the values do.
struct Parts<'a> {
    time: &'a [u8],
    log: &'a [u8],
    partition: &'a [u8],
    offset: &'a [u8],
}

impl<'a> Parts<'a> {
    /// `None`: it is too short to be a version.
    fn of(version: &'a [u8]) -> Option<Self> {
        let (&rule, rest) = version.split_first()?;
        let is_last = (VersionLayout::TIME_LAST..=VersionLayout::RULE_MAX).contains(&rule);
        let (place, time) = match is_last {
            true => rest.split_at_checked(rest.len().checked_sub(8)?)?,
            false => (rest, rest.get(..8)?),
        };
        let place = place.get(place.len().checked_sub(16)?..)?;
        Some(Self {
            time,
            log: &place[..4],
            partition: &place[4..8],
            offset: &place[8..],
        })
    }
}

impl StoredVersions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The version of the row.
    pub fn get(&self, row: usize) -> &[u8] {
        self.0.get(row)
    }

    /// The bytes of all of them.
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::column::Column;
    use crate::dedup::VersionRule;

    fn field(name: &str, logical_type: LogicalType) -> Field {
        Field {
            name: name.to_owned(),
            logical_type,
            nullable: true,
        }
    }

    type Order = (Option<i64>, Option<String>);

    fn packed(time: i64, order: Order, place: (i32, i32), offset: i64) -> Vec<u8> {
        packed_by(VersionKind::EventTime, time, order, place, offset)
    }

    fn packed_by(
        kind: VersionKind,
        time: i64,
        (seq, tag): Order,
        place: (i32, i32),
        offset: i64,
    ) -> Vec<u8> {
        let fields = [
            field("at", LogicalType::TimestampMs),
            field("seq", LogicalType::Int64),
            field("tag", LogicalType::Text),
        ];
        let roles = Roles {
            key: vec![],
            event_time: "at".to_owned(),
            deleted: None,
            order: vec!["seq".to_owned(), "tag".to_owned()],
            version: VersionRule { kind, epoch: 0 },
            ..Roles::default()
        };
        let rule = match kind {
            VersionKind::EventTime => 1,
            _ => VersionLayout::TIME_LAST,
        };
        let layout = VersionLayout::new(rule, &roles, &fields).unwrap();
        let columns = vec![
            Column::new(Arc::new(Int64Array::from(vec![time]))),
            Column::new(Arc::new(Int64Array::from(vec![seq]))),
            Column::new(Arc::new(StringArray::from(vec![tag]))),
        ];
        let rows = Batch {
            rows: 1,
            fields: Arc::from(fields),
            columns,
        };
        let record = RecordPlace {
            offset,
            timestamp_ms: Some(7),
        };
        layout
            .pack(&rows, place, std::iter::once(record))
            .get(0)
            .to_vec()
    }

    /// Event time, order columns, log, partition, offset: what comes behind a text never changes
    /// the texts' order.
    fn version() -> impl Strategy<Value = (i64, Order, (i32, i32), i64)> {
        (
            -2_i64..3,
            (
                prop::option::of(-1_i64..2),
                prop::option::of("[\\x00-\\x01a]{0,3}"),
            ),
            (1_i32..3, 0_i32..3),
            0_i64..3,
        )
    }

    proptest! {
        #[test]
        fn bytes_compare_as_versions_do(a in version(), b in version()) {
            let bytes = |(time, order, place, offset): (i64, Order, (i32, i32), i64)| {
                packed(time, order, place, offset)
            };
            prop_assert_eq!(bytes(a.clone()).cmp(&bytes(b.clone())), a.cmp(&b));
        }

        /// Whatever the time is.
        #[test]
        fn order_first_bytes_compare_as_order_and_place(a in version(), b in version()) {
            let bytes = |(time, order, place, offset): (i64, Order, (i32, i32), i64)| {
                packed_by(VersionKind::OrderFirst, time, order, place, offset)
            };
            let newness = |(_, order, place, offset): (i64, Order, (i32, i32), i64)| {
                (order, place, offset)
            };
            let (of_a, of_b) = (newness(a.clone()), newness(b.clone()));
            if of_a != of_b {
                prop_assert_eq!(bytes(a).cmp(&bytes(b)), of_a.cmp(&of_b));
            }
        }
    }

    #[test]
    fn versions_of_two_rules_compare_by_place_and_else_by_time() {
        let of = |kind, time, place, offset| packed_by(kind, time, (None, None), place, offset);
        let layout = |rule, kind| VersionLayout {
            rule,
            kind,
            event_time: 0,
            times: 1,
            order: Vec::new(),
        };
        let by_time = layout(1, VersionKind::EventTime);
        let by_offset = layout(128, VersionKind::Offset);
        let (time, offset) = (VersionKind::EventTime, VersionKind::Offset);
        // Of one rule.
        assert!(by_time.is_older(&of(time, 1, (1, 0), 9), &of(time, 2, (1, 0), 3)));
        assert!(!by_time.is_older(&of(time, 2, (1, 0), 3), &of(time, 2, (1, 0), 3)));
        assert!(by_offset.is_older(&of(offset, 9, (1, 0), 3), &of(offset, 1, (1, 0), 9)));
        assert!(by_offset.is_older(&of(offset, 1, (1, 0), 9), &of(offset, 1, (2, 0), 3)));
        // Of another partition Kafka's time decides, which is the same here, then the partition.
        assert!(by_offset.is_older(&of(offset, 1, (1, 0), 9), &of(offset, 1, (1, 1), 3)));
        // Of two rules.
        assert!(by_time.is_older(&of(time, 9, (1, 0), 3), &of(offset, 1, (1, 0), 4)));
        assert!(!by_time.is_older(&of(time, 9, (1, 1), 3), &of(offset, 1, (1, 0), 4)));
        assert!(by_time.is_older(&of(time, 6, (1, 1), 3), &of(offset, 1, (1, 0), 4)));
        assert!(!by_time.is_older(&of(time, 6, (1, 1), 3), &[]));
        assert!(!by_time.is_older(&of(time, 6, (1, 1), 3), &[129, 1]));
    }

    /// Tables keep them: they must mean the same in every gristmill.
    #[test]
    fn stored_bytes_never_change() {
        let bytes = packed(1, (Some(2), Some("a\0b".to_owned())), (1, 5), 258);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let expected = "01\
            80000000000003e8\
            01800000000000000201\
            6100ff620000\
            00000001\
            00000005\
            0000000000000102";
        assert_eq!(hex, expected);
    }

    #[test]
    fn stored_bytes_of_the_other_kinds_never_change() {
        let hex = |kind| {
            let bytes = packed_by(kind, 1, (Some(2), None), (1, 5), 258);
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let place = "00000001000000050000000000000102";
        let order_first = format!("80018000000000000002_00_{place}_80000000000003e8");
        assert_eq!(hex(VersionKind::OrderFirst), order_first.replace('_', ""));
        assert_eq!(
            hex(VersionKind::Offset),
            format!("80{place}8000000000001b58")
        );
    }
}
