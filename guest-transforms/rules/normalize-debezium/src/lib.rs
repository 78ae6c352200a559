//! The rows of Debezium's events.
//!
//! An event is an envelope, of operation, row before and row after, or flat, the row alone. What a
//! delete says of its row, by which place in a log an event is newer than another, and what is no
//! event at all, is what this rule knows of Debezium.

mod config;
mod event;
mod interval;
mod old_key;
mod paths;
mod row_column;
mod spelling;

use std::collections::BTreeSet;

use gristmill_guest::{
    AnyColumn, Batch, Bits, Column, Field, Output, Pick, Plan, Roles, Transform,
};

use config::{Config, Version};
use event::{Event, Events, Image, Refusal, RowVersion};
use paths::Paths;
use row_column::RowColumn;

gristmill_guest::transform!(NormalizeDebezium);

struct NormalizeDebezium {
    config: Config,
    columns: Vec<RowColumn>,
    paths: Paths,
    truncate_column: String,
    /// The columns of the place in Postgres' log.
    place_columns: [String; 2],
    /// The columns of what the key was before it was changed; none where no header says that.
    old_key_columns: Vec<String>,
}

impl Transform for NormalizeDebezium {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        let columns = config.row_columns()?;
        Ok(Self {
            paths: Paths::new(&config, &columns)?,
            old_key_columns: config.old_key_columns(&columns),
            columns,
            truncate_column: config.own_column("_truncate"),
            place_columns: ["_commit_lsn", "_lsn"].map(|name| config.own_column(name)),
            config,
        })
    }

    fn attributes() -> Vec<(String, String)> {
        [("target-columns", "columns"), ("target-key", "key")]
            .map(|(name, property)| (name.to_owned(), property.to_owned()))
            .to_vec()
    }

    fn plan(&self) -> Plan {
        // The key's columns are nullable, too: the end of all rows has none.
        let written = self.columns.iter();
        let plan = written.fold(self.reads(), |plan, column| {
            plan.write(Field::new(&column.name, &column.write))
        });
        let Config {
            event_time_column,
            deleted_column,
            ..
        } = &self.config;
        let plan = plan
            .write(Field::timestamp_us(event_time_column).not_null())
            .write(Field::boolean(deleted_column).not_null())
            .write(Field::boolean(&self.truncate_column).not_null())
            .rejects(Refusal::CODES)
            .attribute("truncate", &self.truncate_column);
        let plan = self
            .key_paths()
            .fold(plan, |plan, path| plan.attribute("key-path", path));
        let rows = &self.paths.images[Image::After as usize];
        let plan = rows
            .iter()
            .flatten()
            .fold(plan, |plan, path| plan.attribute("row-path", path));
        let old_key = self.old_key_columns.iter().zip(self.key());
        let plan = old_key.fold(plan, |plan, (name, column)| {
            plan.write(Field::new(name, &column.write))
                .attribute("old-key", name)
        });
        let roles = Roles::new(&self.config.key, event_time_column).deleted(deleted_column);
        match self.config.version() {
            Version::EventTime => plan.roles(roles),
            Version::Offset => plan.roles(roles).attribute("version", "offset"),
            Version::Postgres => {
                let [commit, lsn] = &self.place_columns;
                let plan = plan
                    .write(Field::int64(commit).not_null())
                    .write(Field::int64(lsn).not_null())
                    .roles(roles.order(commit).order(lsn))
                    .attribute("version", "order-first");
                match self.config.epoch {
                    0 => plan,
                    epoch => plan.attribute("epoch", epoch.to_string()),
                }
            }
        }
    }

    fn apply(&self, batch: &Batch) -> Output {
        let events = Events::new(&self.paths, &self.columns, batch);
        let mut output = Output::new();
        let mut versions = Vec::with_capacity(batch.len());
        for row in 0..batch.len() {
            match events.read(row) {
                Ok(Event::Notice) => {}
                Ok(Event::Row(old_key, version)) => {
                    versions.extend(old_key);
                    versions.push(version);
                }
                Err(Refusal { code, message }) => output.reject(row, code, message),
            }
        }
        self.write(&events, &versions, output)
    }
}

impl NormalizeDebezium {
    /// The key's columns, in the order of the key.
    fn key(&self) -> impl Iterator<Item = &RowColumn> {
        let key = self.config.key.iter();
        key.filter_map(|name| self.columns.iter().find(|column| column.name == *name))
    }

    /// A plan that reads all that an event may say, each path once.
    fn reads(&self) -> Plan {
        let paths = &self.paths;
        let named = [
            (Some(&paths.op), "text"),
            (paths.deleted.as_ref(), "text"),
            (paths.notice.as_ref(), "int64"),
            (paths.transaction.as_ref(), "int64"),
            (paths.old_key.as_ref(), "text"),
        ];
        let own = named.into_iter().filter_map(|(path, of)| Some((path?, of)));
        let own = own
            .chain(paths.row_key.iter().map(|path| (path, "json")))
            .chain(paths.lsns.iter().map(|path| (path, "int64")))
            .chain(paths.sequences.iter().map(|path| (path, "text")))
            .chain(
                paths
                    .times
                    .iter()
                    .map(|(path, unit)| (path, unit.logical_type())),
            );
        let images = paths.images.iter().flat_map(|image| {
            let columns = image.iter().zip(&self.columns);
            columns.filter_map(|(path, column)| Some((path.as_ref()?, column.read.as_str())))
        });
        let mut seen = BTreeSet::new();
        let plan = Plan::new()
            .read(Field::boolean(Paths::TOMBSTONE))
            .read(Field::boolean(Paths::HAS_KEY));
        own.chain(images)
            .filter(|(path, _)| seen.insert(*path))
            .fold(plan, |plan, (path, of)| plan.read(Field::new(path, of)))
    }

    /// The paths of the key's columns in each image that has them.
    fn key_paths(&self) -> impl Iterator<Item = &str> {
        let key = self.config.key.iter();
        let at = key.filter_map(|name| self.columns.iter().position(|c| c.name == *name));
        let at: Vec<usize> = at.collect();
        let images = [Image::Before, Image::After, Image::Key];
        let images = images.map(|image| &self.paths.images[image as usize]);
        images.into_iter().flat_map(move |image| {
            let paths = at.iter().filter_map(|&at| image[at].as_deref());
            paths.collect::<Vec<_>>()
        })
    }

    fn write(&self, events: &Events, versions: &[RowVersion], mut output: Output) -> Output {
        let picks: Vec<Pick> = versions
            .iter()
            .map(|v| Pick {
                source: v.image as u32,
                row: v.row,
            })
            .collect();
        for (column, images) in self.columns.iter().zip(events.images()) {
            let values = column.spelt(AnyColumn::gather(&images, &picks));
            output = output.column(&column.name, values);
        }
        let mut times = Column::<Vec<i64>>::with_capacity(versions.len());
        let mut deleted = Column::<Bits>::with_capacity(versions.len());
        let mut truncates = Column::<Bits>::with_capacity(versions.len());
        for version in versions {
            times.push(Some(version.event_time_us));
            deleted.push(Some(version.is_deleted));
            truncates.push(Some(version.is_truncate));
        }
        let output = output
            .column(&self.config.event_time_column, times)
            .column(&self.config.deleted_column, deleted)
            .column(&self.truncate_column, truncates)
            .source_rows(versions.iter().map(|v| v.row).collect());
        let key: Vec<&RowColumn> = self.key().collect();
        let old_keys = match self.old_key_columns.is_empty() {
            true => Vec::new(),
            false => old_key::columns(&key, versions.iter().map(|v| events.old_key(v))),
        };
        let old_keys = self.old_key_columns.iter().zip(old_keys);
        let output = old_keys.fold(output, |output, (name, column)| output.column(name, column));
        match self.config.version() {
            Version::Postgres => self.write_places(versions, output),
            Version::Offset | Version::EventTime => output,
        }
    }

    fn write_places(&self, versions: &[RowVersion], output: Output) -> Output {
        (0..2).fold(output, |output, i| {
            let mut places = Column::<Vec<i64>>::with_capacity(versions.len());
            versions.iter().for_each(|v| places.push(Some(v.place[i])));
            output.column(&self.place_columns[i], places)
        })
    }
}

#[cfg(test)]
mod tests;
