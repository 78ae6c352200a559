//! What is done to the rows of a table, drawn.

use rand::Rng;
use rand::rngs::SmallRng;

use super::design::{Design, quoted};

/// What is done, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Keys that changes are about, some dozens.
    pub keys: usize,
    /// Statements of each session.
    pub statements: usize,
    /// Whether the table is emptied now and then.
    pub truncates: bool,
}

/// Rows that meet: keys, and the statements about them.
#[derive(Debug)]
pub struct Workload<'d> {
    design: &'d Design,
    plan: Plan,
    /// Expressions of SQL.
    keys: Vec<Vec<String>>,
}

impl<'d> Workload<'d> {
    /// Draws the keys.
    pub fn new(random: &mut SmallRng, design: &'d Design, plan: Plan) -> Self {
        let key = |random: &mut SmallRng| {
            (0..design.table.key)
                .map(|at| design.value(random, at))
                .collect()
        };
        Self {
            design,
            plan,
            keys: (0..plan.keys).map(|_| key(random)).collect(),
        }
    }

    /// Rows of the first key and of about half of the others: without any there is no topic.
    pub fn rows(&self, random: &mut SmallRng) -> Vec<String> {
        let mut statements = Vec::new();
        for (at, key) in self.keys.iter().enumerate() {
            if random.random::<bool>() || at == 0 {
                statements.push(self.insert(random, key));
            }
        }
        statements
    }

    /// Statements of one session, some in transactions, of which some are rolled back. What fails
    /// may: two sessions meet, keys are taken.
    pub fn session(&self, random: &mut SmallRng) -> Vec<String> {
        let mut statements = Vec::new();
        while statements.len() < self.plan.statements {
            if random.random_range(0..3) > 0 {
                statements.push(self.statement(random));
                continue;
            }
            statements.push("begin".to_owned());
            for _ in 0..random.random_range(1..7) {
                statements.push(self.statement(random));
            }
            // A transaction that lasts, so that others commit meanwhile.
            if random.random_range(0..4) == 0 {
                statements.push("select pg_sleep(0.05)".to_owned());
            }
            let is_kept = random.random_range(0..6) > 0;
            statements.push(if is_kept { "commit" } else { "rollback" }.to_owned());
        }
        statements
    }

    fn statement(&self, random: &mut SmallRng) -> String {
        let key = &self.keys[random.random_range(0..self.keys.len())];
        let table = &self.design.table;
        let there = self.is_row(key);
        match random.random_range(0..100) {
            0..25 => self.insert(random, key),
            25..70 => {
                let set = self.some_columns(random);
                format!("update {} set {set} where {there}", table.name)
            }
            70..80 => {
                let other = &self.keys[random.random_range(0..self.keys.len())];
                let mut set = self.pairs(other, ", ");
                if random.random() {
                    set = format!("{set}, {}", self.some_columns(random));
                }
                format!("update {} set {set} where {there}", table.name)
            }
            80..94 => format!("delete from {} where {there}", table.name),
            94..97 => {
                let set = self.some_columns(random);
                format!("update {} set {set}", table.name)
            }
            97..98 => format!("delete from {}", table.name),
            _ if self.plan.truncates => format!("truncate {}", table.name),
            _ => self.insert(random, key),
        }
    }

    fn insert(&self, random: &mut SmallRng, key: &[String]) -> String {
        let table = &self.design.table;
        let others = (table.key..table.columns.len()).map(|at| self.design.value(random, at));
        let values: Vec<_> = key.iter().cloned().chain(others).collect();
        format!(
            "insert into {} values ({}) on conflict do nothing",
            table.name,
            values.join(", ")
        )
    }

    /// What one to three columns that are no key's are set to.
    fn some_columns(&self, random: &mut SmallRng) -> String {
        let table = &self.design.table;
        let mut set = Vec::new();
        for _ in 0..random.random_range(1..=3) {
            let at = random.random_range(table.key..table.columns.len());
            let name = quoted(&table.columns[at].name);
            if set.iter().all(|(other, _)| *other != name) {
                set.push((name, self.design.value(random, at)));
            }
        }
        let set: Vec<_> = set
            .iter()
            .map(|(name, to)| format!("{name} = {to}"))
            .collect();
        set.join(", ")
    }

    fn is_row(&self, key: &[String]) -> String {
        self.pairs(key, " and ")
    }

    fn pairs(&self, key: &[String], between: &str) -> String {
        let columns = &self.design.table.columns;
        let pair =
            |(at, value): (usize, &String)| format!("{} = {value}", quoted(&columns[at].name));
        let pairs: Vec<_> = key.iter().enumerate().map(pair).collect();
        pairs.join(between)
    }
}
