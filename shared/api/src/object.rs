//! A JSON object read with open eyes: a name that stands twice with different values is noticed, at any depth.
//!
//! The outer names are read in `snake_case`; inside, names are kept as they are.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use domain::names::snake_case;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// An object's fields, and those in which something stands twice: the field itself, or a name somewhere inside it, which is
/// not repeated here, because it may be a secret that was put in the wrong place.
pub(crate) struct Object {
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) repeated: BTreeSet<String>,
}

impl Object {
    /// Reads one object and nothing after it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let repeated = RefCell::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let values = json.deserialize_map(Outer(&repeated))?;
        json.end()?;
        Ok(Self { values, repeated: repeated.into_inner() })
    }
}

type Repeated = RefCell<BTreeSet<String>>;

struct Outer<'a>(&'a Repeated);

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let name = snake_case(&name);
            if name.contains('\0') {
                return Err(A::Error::custom("a name contains NUL"));
            }
            let value = map.next_value_seed(Inner { field: &name, repeated: self.0 })?;
            match values.get(&name) {
                Some(before) if *before != value => _ = self.0.borrow_mut().insert(name),
                _ => _ = values.insert(name, value),
            }
        }
        Ok(values)
    }
}

/// A value of an outer field, or one inside it.
#[derive(Clone, Copy)]
struct Inner<'a> {
    field: &'a str,
    repeated: &'a Repeated,
}

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if values.get(&name).is_some_and(|before| *before != value) {
                self.repeated.borrow_mut().insert(self.field.to_owned());
            }
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}
