//! A table, drawn.

use rand::Rng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

use super::kind::{Draw, KEYS, KINDS, LARGE};

/// Names that somebody has to quote, escape or take apart somewhere.
const ODD: [&str; 8] = [
    "order",
    "Mixed Case",
    "a.b",
    "quo\"te",
    "größe",
    "op",
    "before",
    "it's",
];

/// Types that a seed has for sure: those of 19 seeds in a row are all.
const TURN: usize = 5;

/// What a table is made of, as a stream's file keeps it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Table {
    pub name: String,
    /// The key's columns come first.
    pub columns: Vec<Column>,
    /// How many of them are the key's.
    pub key: usize,
    /// Whether a change tells the whole row as it was before: `replica identity full`.
    #[serde(default)]
    pub is_whole_before: bool,
}

/// A column of a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Column {
    pub name: String,
    /// Its type, as SQL writes it.
    pub kind: String,
    /// `not null`; the key's columns are, without it.
    pub is_required: bool,
    /// Whether large values lie out of line, as they are.
    pub is_external: bool,
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// One of the key's.
    Key,
    /// One of values that lie out of line.
    Large,
    Plain,
}

/// A table with what is needed to draw rows of it.
#[derive(Clone, Debug)]
pub struct Design {
    pub table: Table,
    /// How to draw the usual values of each column.
    draws: Vec<Draw>,
    /// How to draw large ones, of columns that lie out of line.
    large: Vec<Option<Draw>>,
}

impl Design {
    /// A table called `name`: one to three key columns, and up to fourteen others, of which some
    /// have values out of line. Tables of neighbouring seeds take turns at the types, so that some
    /// of them have all. `is_kept` says which types arrive whole where.
    pub fn draw(
        random: &mut SmallRng,
        seed: u64,
        name: &str,
        is_kept: impl Fn(&str, Use) -> bool,
    ) -> Self {
        let mut design = Self {
            table: Table {
                name: name.to_owned(),
                columns: Vec::new(),
                key: 0,
                is_whole_before: random.random_range(0..3) == 0,
            },
            draws: Vec::new(),
            large: Vec::new(),
        };
        let keys = [1, 1, 1, 2, 2, 3][random.random_range(0..6)];
        // The first one has enough values to tell rows apart.
        for i in 0..keys {
            let kind = &KEYS[random.random_range(0..if i == 0 { 9 } else { KEYS.len() })];
            let kind = if is_kept(kind.sql, Use::Key) {
                kind
            } else {
                &KEYS[0]
            };
            design.push(random, kind.sql, kind.draw, None);
        }
        design.table.key = keys;
        let turn = TURN * usize::try_from(seed % KINDS.len() as u64).unwrap_or(0);
        let turns = (turn..turn + TURN).map(|at| at % KINDS.len());
        let drawn: Vec<_> = (0..random.random_range(0..7))
            .map(|_| random.random_range(0..KINDS.len()))
            .collect();
        for at in turns.chain(drawn) {
            let kind = &KINDS[at];
            if is_kept(kind.sql, Use::Plain) {
                design.push(random, kind.sql, kind.draw, None);
            }
        }
        for _ in 0..random.random_range(1..4) {
            let large = &LARGE[random.random_range(0..LARGE.len())];
            // A whole image has what did not change.
            if !design.table.is_whole_before && !is_kept(large.sql, Use::Large) {
                continue;
            }
            let small = KINDS.iter().find(|k| k.sql == large.sql);
            let draw = small.map_or(large.draw, |k| k.draw);
            design.push(random, large.sql, draw, Some(large.draw));
        }
        design
    }

    fn push(&mut self, random: &mut SmallRng, kind: &str, draw: Draw, large: Option<Draw>) {
        let table = &mut self.table;
        let at = table.columns.len();
        let odd = ODD[random.random_range(0..ODD.len())];
        let is_free = table.columns.iter().all(|c| c.name != odd);
        let name = match is_free && random.random_range(0..5) == 0 {
            true => odd.to_owned(),
            false => format!("c{at}"),
        };
        table.columns.push(Column {
            name,
            kind: kind.to_owned(),
            is_required: random.random_range(0..5) == 0,
            is_external: large.is_some(),
        });
        self.draws.push(draw);
        self.large.push(large);
    }

    /// A value of a column, as an expression of SQL.
    pub fn value(&self, random: &mut SmallRng, at: usize) -> String {
        let column = &self.table.columns[at];
        let may_be_null = at >= self.table.key && !column.is_required;
        if may_be_null && random.random_range(0..6) == 0 {
            return "null".to_owned();
        }
        let draw = match self.large[at] {
            Some(large) if random.random_range(0..5) > 0 => large,
            _ => self.draws[at],
        };
        literal(&draw(random), &column.kind)
    }
}

impl Table {
    /// SQL that creates the source's.
    pub fn ddl(&self) -> String {
        let mut ddl = self.create(|column| column.is_required);
        if self.is_whole_before {
            ddl += &format!("alter table {} replica identity full;\n", self.name);
        }
        ddl
    }

    /// SQL that creates the target's. What lies out of line may be null there: where the key has
    /// changed, nobody sends it.
    pub fn target_ddl(&self) -> String {
        self.create(|column| column.is_required && !column.is_external)
    }

    fn create(&self, is_required: impl Fn(&Column) -> bool) -> String {
        let mut parts: Vec<_> = self
            .columns
            .iter()
            .map(|column| {
                let required = if is_required(column) { " not null" } else { "" };
                format!("{} {}{required}", quoted(&column.name), column.kind)
            })
            .collect();
        let key: Vec<_> = self.columns[..self.key]
            .iter()
            .map(|c| quoted(&c.name))
            .collect();
        parts.push(format!("primary key ({})", key.join(", ")));
        let mut ddl = format!("create table {} ({});\n", self.name, parts.join(", "));
        for column in self.columns.iter().filter(|c| c.is_external) {
            ddl += &format!(
                "alter table {} alter {} set storage external;\n",
                self.name,
                quoted(&column.name)
            );
        }
        ddl
    }

    /// An expression of SQL: all columns of a row, as an array of texts.
    pub fn texts(&self) -> String {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| format!("{}::text", quoted(&column.name)))
            .collect();
        format!("array[{}]", columns.join(", "))
    }
}

/// A name as SQL writes it, whatever is in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str, kind: &str) -> String {
    format!("'{}'::{kind}", text.replace('\'', "''"))
}
