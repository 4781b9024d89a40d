//! Update expressions, assembled: every name and value goes in as a placeholder.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// The `SET`, `ADD` and `REMOVE` parts of an update with their names and values.
#[derive(Debug, Default)]
pub(crate) struct SetExpression {
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl SetExpression {
    /// Sets an attribute.
    pub(crate) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, placeholder) = self.both(attribute, value);
        self.sets.push(format!("{name} = {placeholder}"));
    }

    /// Sets an attribute where it is absent; an existing value stays.
    pub(crate) fn set_once(&mut self, attribute: &str, value: AttributeValue) {
        let (name, placeholder) = self.both(attribute, value);
        self.sets.push(format!("{name} = if_not_exists({name}, {placeholder})"));
    }

    /// Sets an attribute to what another one was before the update.
    pub(crate) fn copy(&mut self, attribute: &str, from: &str) {
        let (name, from) = (self.next_name(attribute), self.next_name(from));
        self.sets.push(format!("{name} = {from}"));
    }

    /// Adds to a number; an absent one counts as zero.
    pub(crate) fn add(&mut self, attribute: &str, number: i128) {
        let (name, placeholder) = self.both(attribute, AttributeValue::N(number.to_string()));
        self.adds.push(format!("{name} {placeholder}"));
    }

    /// Removes an attribute.
    pub(crate) fn remove(&mut self, attribute: &str) {
        let name = self.next_name(attribute);
        self.removes.push(name);
    }

    /// Adds a value that a condition uses.
    pub(crate) fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }

    /// The update expression.
    pub(crate) fn expression(&self) -> String {
        let mut text = String::new();
        if !self.sets.is_empty() {
            text += &format!("SET {}", self.sets.join(", "));
        }
        if !self.adds.is_empty() {
            text += &format!(" ADD {}", self.adds.join(", "));
        }
        if !self.removes.is_empty() {
            text += &format!(" REMOVE {}", self.removes.join(", "));
        }
        text
    }

    /// The names behind the placeholders.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        Some(self.names.clone())
    }

    /// The values behind the placeholders.
    pub(crate) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        Some(self.values.clone())
    }

    /// Adds a name that a condition uses.
    pub(crate) fn name(&mut self, placeholder: &str, attribute: &str) {
        self.names.insert(placeholder.to_owned(), attribute.to_owned());
    }

    /// Whether the update or its condition names an attribute.
    pub(crate) fn names_attribute(&self, attribute: &str) -> bool {
        self.names.values().any(|name| name == attribute)
    }

    fn next_name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.name(&placeholder, attribute);
        placeholder
    }

    fn both(&mut self, attribute: &str, value: AttributeValue) -> (String, String) {
        let name = self.next_name(attribute);
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        (name, placeholder)
    }
}
