//! The rule: expressions of a config, run on batches.

use gristmill_guest::{Batch, Field, Join, Output, Plan, Roles, Transform};

use crate::call::{Failures, Slot};
use crate::config::{self, Config, Read};
use crate::input_column::Input;
use crate::mistake::did_you_mean;
use crate::order;
use crate::resolve::{self, Known};
use crate::run::Run;
use crate::tree::{Kind, Node};
use crate::types::Type;
use crate::value::Value;

/// Columns and dead letters by expressions.
pub struct Sql {
    pub(crate) config: Config,
    pub(crate) inputs: Vec<Input>,
    /// What expressions may name: the inputs, then what is written, as it is computed.
    pub(crate) columns: Vec<Known>,
    pub(crate) writes: Vec<Expression>,
    pub(crate) rejects: Vec<Expression>,
    slots: usize,
}

/// An expression of the config.
pub(crate) struct Expression {
    /// The column that it makes, or the code.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) node: Node,
    /// The columns that it names.
    pub(crate) names: Vec<usize>,
    /// The inputs that its value comes from, also by way of other columns.
    pub(crate) sources: Vec<usize>,
    /// The columns of `writes` that its value comes from, in either way.
    pub(crate) writes: Vec<usize>,
}

impl Transform for Sql {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        config.check()?;
        let inputs = inputs(&config)?;
        let columns = inputs
            .iter()
            .map(|input| Known {
                name: input.name.clone(),
                of_type: input.of_type,
                is_nullable: true,
            })
            .collect();
        let slots = inputs.len();
        let (writes, rejects) = (Vec::new(), Vec::new());
        let mut rule = Self {
            config,
            inputs,
            columns,
            writes,
            rejects,
            slots,
        };
        for name in order::order(&rule.config.writes)? {
            let text = rule.config.writes[&name].clone();
            rule.add_write(name, text)?;
        }
        for (code, text) in rule.config.rejects.clone() {
            rule.add_reject(code, text)?;
        }
        rule.check_roles()?;
        Ok(rule)
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::new();
        let joined: Vec<&String> = self
            .config
            .joins
            .values()
            .flat_map(|j| j.take.keys())
            .collect();
        for input in self
            .inputs
            .iter()
            .filter(|input| !joined.contains(&&input.name))
        {
            plan = plan.read(Field::new(&input.field, &input.logical));
        }
        for (dimension, lookup) in &self.config.joins {
            let take = lookup
                .take
                .iter()
                .map(|(name, logical)| Field::new(name, logical));
            plan = plan.join(Join {
                dimension: dimension.clone(),
                on: lookup.on.clone().into_vec(),
                take: take.collect(),
            });
        }
        for name in self.config.writes.keys() {
            plan = plan.write(self.field(name));
        }
        let codes = self.config.rejects.keys().map(String::as_str);
        plan = plan.rejects(codes.chain([config::SQL_ERROR]));
        self.with_roles(plan)
    }

    fn apply(&self, batch: &Batch) -> Output {
        let slots: Vec<Slot> = (0..self.slots).map(|_| Slot::default()).collect();
        let failures = Failures::default();
        Run::new(self, batch, &slots, &failures).answer()
    }
}

/// A condition, false where it is null.
fn or_false(node: Node) -> Node {
    let span = node.span;
    let otherwise = Node::constant(Value::Bool(false), Type::Boolean, span);
    let kind = Kind::Coalesce(vec![node, otherwise]);
    Node {
        kind,
        of_type: Type::Boolean,
        span,
        is_nullable: false,
        decimal: None,
    }
}

fn inputs(config: &Config) -> Result<Vec<Input>, String> {
    let reads = config.reads.iter().map(|(name, read)| match read {
        Read::Type(logical) => Input::new(name, name, logical),
        Read::Path(read) => Input::new(name, &read.path, &read.r#type),
    });
    let takes = config.joins.values().flat_map(|join| &join.take);
    reads
        .chain(takes.map(|(name, logical)| Input::new(name, name, logical)))
        .collect()
}

impl Sql {
    fn resolve(&mut self, place: &str, name: String, text: String) -> Result<Expression, String> {
        let known: &[Known] = match place == "writes" && self.config.is_passed_on(&name) {
            true => &self.columns[..self.inputs.len()],
            false => &self.columns,
        };
        let node = resolve::resolve(&text, known, &mut self.slots)
            .map_err(|mistake| mistake.in_text(&format!("{place}.{name}"), &text))?;
        let mut names = Vec::new();
        node.columns(&mut |column| names.push(column));
        names.sort_unstable();
        names.dedup();
        let (mut sources, mut writes) = (Vec::new(), Vec::new());
        for column in &names {
            match column.checked_sub(self.inputs.len()) {
                None => sources.push(*column),
                Some(write) => {
                    sources.extend(&self.writes[write].sources);
                    writes.push(write);
                    writes.extend(&self.writes[write].writes);
                }
            }
        }
        for list in [&mut sources, &mut writes] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(Expression {
            name,
            text,
            node,
            names,
            sources,
            writes,
        })
    }

    fn add_write(&mut self, name: String, text: String) -> Result<(), String> {
        let mut write = self.resolve("writes", name, text)?;
        // A literal whose type nothing decides is a text.
        if write.node.of_type == Type::Unknown {
            write.node.of_type = Type::Text;
        }
        let is_deleted = self
            .config
            .roles
            .as_ref()
            .and_then(|roles| roles.deleted.as_ref());
        if is_deleted == Some(&write.name) && write.node.of_type == Type::Boolean {
            write.node = or_false(write.node);
        }
        let of_type = write.node.of_type;
        if matches!(of_type, Type::Interval | Type::TextArray) {
            return Err(format!(
                "writes.{}: a column cannot be of type {of_type}: cast it to text",
                write.name
            ));
        }
        let (name, is_nullable) = (write.name.clone(), write.node.is_nullable);
        self.columns.push(Known {
            name,
            of_type,
            is_nullable,
        });
        self.writes.push(write);
        Ok(())
    }

    fn add_reject(&mut self, code: String, text: String) -> Result<(), String> {
        let reject = self.resolve("rejects", code, text)?;
        match reject.node.of_type {
            Type::Boolean => {}
            other => {
                return Err(format!(
                    "rejects.{}: a condition is true or false, and this is {other}: compare it",
                    reject.name
                ));
            }
        }
        self.rejects.push(reject);
        Ok(())
    }

    fn field(&self, name: &str) -> Field {
        let Some(write) = self.writes.iter().find(|write| write.name == name) else {
            return Field::text(name);
        };
        let logical = match (write.node.decimal, &write.node.kind) {
            (Some((precision, scale)), _) => format!("decimal({precision},{scale})"),
            // What is passed on stays what it is.
            (None, Kind::Column(column)) if *column < self.inputs.len() => {
                let input = &self.inputs[*column];
                match input.of_type {
                    Type::Numeric | Type::Uuid | Type::Jsonb => input.logical.clone(),
                    other => other.logical().to_owned(),
                }
            }
            _ => write.node.of_type.logical().to_owned(),
        };
        let field = Field::new(name, logical);
        let is_nullable = write.node.is_nullable && self.needs(name).is_none();
        if is_nullable { field } else { field.not_null() }
    }

    /// Names of roles are columns that are written, of types that fit.
    fn check_roles(&self) -> Result<(), String> {
        let Some(roles) = &self.config.roles else {
            return Ok(());
        };
        if roles.key.is_empty() {
            return Err("`roles.key` names no column: name those that tell rows apart".to_owned());
        }
        let named = roles
            .key
            .iter()
            .chain(&roles.order)
            .map(|name| ("key` or `order", name));
        let named = named.chain([("event_time", &roles.event_time)]);
        for (role, name) in named.chain(roles.deleted.iter().map(|name| ("deleted", name))) {
            let Some(write) = self.writes.iter().find(|write| write.name == *name) else {
                let known = self.writes.iter().map(|write| &*write.name);
                let near = did_you_mean(name, known);
                let advice = match near.as_str() {
                    "" => ": write an expression for it",
                    near => near,
                };
                return Err(format!(
                    "`roles` name `{name}`, which is not written{advice}"
                ));
            };
            let of_type = write.node.of_type;
            let wanted = match role {
                "event_time" if !matches!(of_type, Type::Timestamp | Type::Timestamptz) => {
                    "a timestamp: cast it, or `to_timestamp(seconds)`"
                }
                "deleted" if of_type != Type::Boolean => "a condition: compare it",
                _ => continue,
            };
            return Err(format!(
                "`roles.{role}` is `{name}` of type {of_type}, and it is {wanted}"
            ));
        }
        Ok(())
    }

    fn with_roles(&self, plan: Plan) -> Plan {
        let Some(roles) = &self.config.roles else {
            return plan;
        };
        let mut plan_roles = Roles::new(&roles.key, &roles.event_time);
        if let Some(deleted) = &roles.deleted {
            plan_roles = plan_roles.deleted(deleted);
        }
        plan_roles = roles
            .order
            .iter()
            .fold(plan_roles, |roles, name| roles.order(name));
        let plan = plan
            .roles(plan_roles)
            .rejects([config::MISSING_KEY, config::MISSING_TIME]);
        let paths = roles.missing_is_null.iter();
        paths.fold(plan, |plan, path| plan.attribute("missing-is-null", path))
    }

    /// The code of a row in which a column is null that must have a value.
    pub(crate) fn needs(&self, name: &str) -> Option<&'static str> {
        let roles = self.config.roles.as_ref()?;
        match () {
            () if roles.key.iter().any(|key| key == name) => Some(config::MISSING_KEY),
            () if roles.event_time == name => Some(config::MISSING_TIME),
            () => None,
        }
    }
}
