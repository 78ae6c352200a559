//! How a schema's JSON becomes types. Defaults, aliases and docs are of no use to who reads with
//! the writer's schema alone.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::avro_types::{AvroField, AvroKind, AvroType, AvroTypes, TypeId};
use crate::decode::form::Unit;
use crate::decode::meaning::{Meaning, Size};

/// So many records, enums and fixed types may have names.
const NAMES_MAX: usize = 10_000;

/// The types of `schema`, which may name what `references`, schemas themselves, define; each of
/// those comes behind what it refers to itself. The error says what is wrong with it.
pub(crate) fn parse(schema: &str, references: &[&str]) -> Result<AvroTypes, String> {
    let mut parser = Parser::default();
    for text in references {
        let value = json(text)?;
        parser.of(&value, "")?;
    }
    let root = parser.of(&json(schema)?, "")?;
    let types = parser.types.into_iter().collect::<Option<Vec<_>>>();
    Ok(AvroTypes {
        types: types.ok_or("a named type is not finished")?,
        root,
    })
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
}

#[derive(Default)]
struct Parser {
    /// One that is being defined is `None`.
    types: Vec<Option<AvroType>>,
    /// By their full names.
    named: HashMap<String, TypeId>,
}

type Parsed = Result<TypeId, String>;

impl Parser {
    fn of(&mut self, schema: &Value, namespace: &str) -> Parsed {
        match schema {
            Value::String(name) => self.called(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => self.object(object, namespace),
            other => Err(format!("{} is no schema", shown(other))),
        }
    }

    fn add(&mut self, kind: AvroKind) -> TypeId {
        let meaning = match kind {
            AvroKind::Bytes | AvroKind::Fixed(_) => Meaning::Bytes,
            _ => Meaning::Plain,
        };
        let called = kind.called();
        self.types.push(Some(AvroType {
            kind,
            meaning,
            called,
        }));
        self.types.len() - 1
    }

    /// A type without attributes, or one that was defined before.
    fn called(&mut self, name: &str, namespace: &str) -> Parsed {
        if let Some(kind) = primitive(name) {
            return Ok(self.add(kind));
        }
        let full = full_name(name, namespace);
        let found = self.named.get(&full).or_else(|| self.named.get(name));
        found.copied().ok_or_else(|| {
            format!("`{name}` is not defined before it is used: is a reference missing?")
        })
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Parsed {
        let mut found = Vec::with_capacity(branches.len());
        for branch in branches {
            if branch.is_array() {
                return Err("a union lies in a union".to_owned());
            }
            found.push(self.of(branch, namespace)?);
        }
        if found.is_empty() {
            return Err("a union has no branch".to_owned());
        }
        Ok(self.add(AvroKind::Union(found)))
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Parsed {
        let of_type = object.get("type").ok_or("an object has no `type`")?;
        let Value::String(name) = of_type else {
            let of = self.of(of_type, namespace)?;
            return self.meant(of, object);
        };
        match name.as_str() {
            "record" | "error" | "enum" | "fixed" => self.define(name, object, namespace),
            "array" => {
                let items = object.get("items").ok_or("an array has no `items`")?;
                let items = self.of(items, namespace)?;
                Ok(self.add(AvroKind::List(items)))
            }
            "map" => {
                let values = object.get("values").ok_or("a map has no `values`")?;
                let values = self.of(values, namespace)?;
                Ok(self.add(AvroKind::Map(values)))
            }
            name => {
                let of = self.called(name, namespace)?;
                self.meant(of, object)
            }
        }
    }

    fn define(&mut self, of: &str, object: &Map<String, Value>, namespace: &str) -> Parsed {
        let name = object.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("a type of {of} has no name"))?;
        let own = object.get("namespace").and_then(Value::as_str);
        let full = full_name(name, own.unwrap_or(namespace));
        if primitive(&full).is_some() {
            return Err(format!(
                "a {of} is called `{full}`, which Avro keeps for itself"
            ));
        }
        if self.named.len() == NAMES_MAX {
            return Err(format!("it has more than {NAMES_MAX} named types"));
        }
        let id = self.types.len();
        self.types.push(None);
        if self.named.insert(full.clone(), id).is_some() {
            return Err(format!("`{full}` is defined twice"));
        }
        let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let kind = match of {
            "enum" => AvroKind::Enum(symbols(object, &full)?),
            "fixed" => {
                let size = object.get("size").and_then(Value::as_u64);
                let size = size.and_then(|size| i32::try_from(size).ok());
                let size = size.ok_or_else(|| format!("the fixed type `{full}` has no size"))?;
                AvroKind::Fixed(size.unsigned_abs() as usize)
            }
            _ => AvroKind::Record(self.fields(object, &full, inner)?),
        };
        let meaning = match kind {
            AvroKind::Fixed(_) => Meaning::Bytes,
            _ => Meaning::Plain,
        };
        let called = kind.called();
        let defined = AvroType {
            kind,
            meaning,
            called,
        };
        let (meaning, called) = self.meaning(&defined, object);
        self.types[id] = Some(AvroType {
            meaning,
            called,
            ..defined
        });
        Ok(id)
    }

    fn fields(
        &mut self,
        object: &Map<String, Value>,
        record: &str,
        namespace: &str,
    ) -> Result<Vec<AvroField>, String> {
        let list = object.get("fields").and_then(Value::as_array);
        let list = list.ok_or_else(|| format!("the record `{record}` has no list of fields"))?;
        let mut seen = HashSet::new();
        let mut fields = Vec::with_capacity(list.len());
        for field in list {
            let name = field.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| format!("a field of `{record}` has no name"))?;
            if !seen.insert(name) {
                return Err(format!("`{record}` has two fields called `{name}`"));
            }
            let of = field.get("type");
            let of = of.ok_or_else(|| format!("the field `{name}` of `{record}` has no type"))?;
            let of = self.of(of, namespace)?;
            fields.push(AvroField {
                name: name.into(),
                of,
            });
        }
        Ok(fields)
    }

    /// The type `of` with what attributes say that it means.
    fn meant(&mut self, of: TypeId, attributes: &Map<String, Value>) -> Parsed {
        let Some(Some(plain)) = self.types.get(of) else {
            // A record around itself.
            return Ok(of);
        };
        let (meaning, called) = self.meaning(plain, attributes);
        if meaning == plain.meaning {
            return Ok(of);
        }
        let meant = AvroType {
            meaning,
            called,
            ..plain.clone()
        };
        self.types.push(Some(meant));
        Ok(self.types.len() - 1)
    }

    /// What values of a type mean by its attributes, and what that is called.
    fn meaning(
        &self,
        plain: &AvroType,
        attributes: &Map<String, Value>,
    ) -> (Meaning, &'static str) {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let parameters = attributes.get("connect.parameters");
        let number = |name: &str| -> Option<i64> {
            let value = parameters
                .and_then(|p| p.get(name))
                .or_else(|| attributes.get(name))?;
            value.as_i64().or_else(|| value.as_str()?.parse().ok())
        };
        let size = Size {
            scale: number("scale").and_then(|scale| i32::try_from(scale).ok()),
            length: number("length").and_then(|length| u32::try_from(length).ok()),
        };
        let connect = text("connect.name").and_then(|name| Meaning::of(name, size));
        let logical = || logical(text("logicalType")?, &plain.kind, size);
        let suits = |meant: &(Meaning, &str)| self.suits(meant.0, &plain.kind);
        let found = connect.filter(suits).or_else(|| logical().filter(suits));
        found.unwrap_or((plain.meaning, plain.called))
    }

    /// Whether values of a kind can mean this: what does not fit is not meant.
    fn suits(&self, meaning: Meaning, kind: &AvroKind) -> bool {
        use AvroKind as K;
        use Meaning as M;
        match meaning {
            M::Instant(_) | M::Date | M::Time(_) | M::Duration => {
                matches!(kind, K::Int | K::Long)
            }
            M::InstantText | M::DateText | M::TimeText | M::ZonedTimeText => {
                matches!(kind, K::Text)
            }
            M::DurationText | M::Document => matches!(kind, K::Text),
            M::Decimal(_) | M::Bits(_) => matches!(kind, K::Bytes | K::Fixed(_)),
            M::Uuid => matches!(kind, K::Fixed(16)),
            M::Bytes => matches!(kind, K::Bytes | K::Fixed(_)),
            M::Plain => true,
            M::VariableScale => match kind {
                K::Record(fields) => {
                    let is = |field: &AvroField, name: &str, kind: &K| {
                        let of = self.types[field.of].as_ref();
                        *field.name == *name && of.is_some_and(|of| of.kind == *kind)
                    };
                    matches!(&fields[..], [scale, value]
                        if is(scale, "scale", &K::Int) && is(value, "value", &K::Bytes))
                }
                _ => false,
            },
        }
    }
}

fn symbols(object: &Map<String, Value>, name: &str) -> Result<Vec<Box<str>>, String> {
    let list = object.get("symbols").and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("the enum `{name}` has no symbols"))?;
    let symbols = list.iter().map(|symbol| symbol.as_str().map(Box::from));
    let symbols = symbols.collect::<Option<_>>();
    symbols.ok_or_else(|| format!("a symbol of the enum `{name}` is no text"))
}

/// What Avro's own logical types mean; one that does not fit its type is none.
fn logical(name: &str, kind: &AvroKind, size: Size) -> Option<(Meaning, &'static str)> {
    use AvroKind as K;
    Some(match (name, kind) {
        ("decimal", K::Bytes | K::Fixed(_)) => {
            (Meaning::Decimal(size.scale.unwrap_or(0)), "a decimal")
        }
        ("uuid", K::Fixed(16)) => (Meaning::Uuid, "a uuid"),
        ("date", K::Int) => (Meaning::Date, "a date"),
        ("time-millis", K::Int) => (Meaning::Time(Unit::Millis), "a time"),
        ("time-micros", K::Long) => (Meaning::Time(Unit::Micros), "a time"),
        ("timestamp-millis" | "local-timestamp-millis", K::Long) => {
            (Meaning::Instant(Unit::Millis), "a timestamp")
        }
        ("timestamp-micros" | "local-timestamp-micros", K::Long) => {
            (Meaning::Instant(Unit::Micros), "a timestamp")
        }
        ("timestamp-nanos" | "local-timestamp-nanos", K::Long) => {
            (Meaning::Instant(Unit::Nanos), "a timestamp")
        }
        _ => return None,
    })
}

fn primitive(name: &str) -> Option<AvroKind> {
    Some(match name {
        "null" => AvroKind::Null,
        "boolean" => AvroKind::Boolean,
        "int" => AvroKind::Int,
        "long" => AvroKind::Long,
        "float" => AvroKind::Float,
        "double" => AvroKind::Double,
        "bytes" => AvroKind::Bytes,
        "string" => AvroKind::Text,
        _ => return None,
    })
}

fn full_name(name: &str, namespace: &str) -> String {
    match namespace.is_empty() || name.contains('.') {
        true => name.trim_start_matches('.').to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

/// A piece of JSON as a message shows it.
fn shown(value: &Value) -> String {
    // Enough to find it by.
    value.to_string().chars().take(40).collect()
}
