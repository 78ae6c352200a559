//! Answers depend on what came before, on a row's neighbours, or on nothing but the row, as the
//! config says.

use std::cell::Cell;

use gristmill_guest::{Batch, Field, Output, Plan, Transform};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform!(Impure);

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// Pure.
    Not,
    /// Pure, and panics on a row with 7.
    NotButPanics,
    /// Counts the calls.
    Calls,
    /// Answers otherwise from the second call on, for ever.
    FirstCall,
    /// Tells the place in the batch.
    Place,
    /// Tells the row before.
    Neighbour,
    /// Rejects where a batch has one row.
    Alone,
    /// Panics where a batch has more than 100 rows.
    Crowd,
    /// Pure, and takes 1 MiB for each row.
    Heavy,
    /// Pure, and takes 40 MiB for each row.
    Greedy,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    how: How,
}

struct Impure {
    how: How,
    calls: Cell<i64>,
}

impl Transform for Impure {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        Ok(Self {
            how: config.how,
            calls: Cell::new(0),
        })
    }

    fn plan(&self) -> Plan {
        Plan::new()
            .read(Field::int64("n"))
            .write(Field::int64("m"))
            .rejects(["alone"])
    }

    fn apply(&self, batch: &Batch) -> Output {
        self.calls.set(self.calls.get() + 1);
        assert!(self.how != How::Crowd || batch.len() <= 100, "a crowd");
        let row_mib = match self.how {
            How::Heavy => 1,
            How::Greedy => 40,
            _ => 0,
        };
        let row = || vec![0u8; row_mib << 20];
        std::hint::black_box((0..batch.len()).map(|_| row()).collect::<Vec<_>>());
        let mut output = Output::new();
        let mut column = Vec::new();
        let mut before = 0;
        for (row, n) in batch.int64("n").iter().enumerate() {
            let n = n.unwrap_or(-1);
            assert!(self.how != How::NotButPanics || n != 7, "seven");
            if self.how == How::Alone && batch.len() == 1 {
                output.reject(row, "alone", "so alone".to_owned());
                continue;
            }
            column.push(Some(match self.how {
                How::Calls => self.calls.get(),
                How::FirstCall => self.calls.get().min(2),
                How::Place => row as i64,
                How::Neighbour => before,
                _ => n,
            }));
            before = n;
        }
        output.values("m", column.into_iter())
    }
}
