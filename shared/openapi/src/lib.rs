//! The API's description: OpenAPI 3.1, made from what the code declares.
//!
//! Routes and what they ask of their callers come from the functions' own declarations, schemas of answers from the wire
//! types, names and bounds from the domain. What only people can say (summaries, which refusals a route knows, what a body
//! may hold) stands here, and tests hold it against the functions. No function links this: they serve the file that it writes.

mod constraints;
mod examples;
mod links;
mod lists;
mod message;
mod names;
mod operation;
mod operations;
mod parameters;
mod problems;
pub mod requests;
mod schemas;
mod security;
pub mod shapes;
#[cfg(test)]
mod tests;
mod webhooks;

use std::{collections::BTreeMap, path::PathBuf};

use api::{Access, Route};
use serde_json::{Map, Value, json};

use crate::{operation::Operation, problems::Problems, schemas::Schemas};

/// Every route that a function declares below the API's prefixes.
#[must_use]
pub fn routes() -> Vec<Route> {
    let declared: [Vec<Route>; 7] = [
        phone_numbers::routes().declared().cloned().collect(),
        endpoints::routes().declared().cloned().collect(),
        calls::routes().declared().cloned().collect(),
        webhooks_api::routes().declared().cloned().collect(),
        carrier_credentials::routes().declared().cloned().collect(),
        api_keys::routes().declared().cloned().collect(),
        carrier_callbacks::routes().declared().cloned().collect(),
    ];
    declared.into_iter().flatten().collect()
}

/// The path under which a declared route is described: its family's canonical prefix and its own path.
#[must_use]
pub fn canonical(path: &str) -> String {
    let prefix = if path.starts_with("/telephony/") { "/api/v1" } else { "/v1" };
    format!("{prefix}{path}")
}

/// A route and its description do not belong together.
#[derive(Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// A function declares a route that nobody describes.
    Undescribed(String),
    /// What is described is declared by no function.
    Undeclared(String),
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Undescribed(route) => write!(f, "{route} is declared and not described: see shared/openapi/src/operations"),
            Self::Undeclared(route) => write!(f, "{route} is described in shared/openapi/src/operations and not declared"),
        }
    }
}

impl std::error::Error for Mismatch {}

/// The document.
///
/// # Errors
/// [`Mismatch`] for a route without a description and for a description without a route.
pub fn document() -> Result<Value, Mismatch> {
    let mut parts = Parts::default();
    let mut paths = parts.paths()?;
    links::add(&mut paths);
    let webhooks = webhooks::webhooks(&mut parts.schemas);
    let queue = message::queue(&mut parts.schemas);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{"url": "/", "description": "The deployment that serves this document"}],
        "tags": operations::tags(),
        "paths": paths,
        "webhooks": webhooks,
        "x-queues": queue,
        "components": {
            "securitySchemes": security::schemes(),
            "parameters": parameters::components(),
            "headers": parameters::headers(),
            "responses": parts.problems.components(&mut parts.schemas),
            "schemas": parts.schemas.finished(),
        },
    });
    names::refer(&mut document);
    Ok(document)
}

/// The document as it is kept in the repository and served: `infra/openapi.json`.
///
/// # Errors
/// As [`document`].
pub fn text() -> Result<String, Mismatch> {
    let mut text = String::new();
    write(&document()?, 0, &mut text);
    text.push('\n');
    Ok(text)
}

/// Where the document lies.
#[must_use]
pub fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/openapi.json")
}

/// What grows while operations are described.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) schemas: Schemas,
    pub(crate) problems: Problems,
}

impl Parts {
    fn paths(&mut self) -> Result<Value, Mismatch> {
        let mut described: BTreeMap<(String, String), Operation> =
            operations::all().into_iter().map(|operation| (operation.place(), operation)).collect();
        let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        let open = operations::outside().into_iter().map(|operation| (operation.path.to_owned(), Access::Open, operation));
        let mut found: Vec<(String, Access, Operation)> = open.collect();
        for route in routes() {
            let place = (route.method.to_string(), route.path.to_owned());
            let operation = described.remove(&place).ok_or_else(|| Mismatch::Undescribed(format!("{} {}", route.method, route.path)))?;
            found.push((canonical(route.path), route.access, operation));
        }
        if let Some((method, path)) = described.into_keys().next() {
            return Err(Mismatch::Undeclared(format!("{method} {path}")));
        }
        for (path, access, operation) in found {
            let method = operation.method.to_ascii_lowercase();
            paths.entry(path).or_default().insert(method, operation.described(access, self));
        }
        Ok(json!(paths))
    }
}

fn info() -> Value {
    json!({
        "title": "Trunkline",
        "version": "1",
        "summary": "A self-hosted telephony control plane for voice AI",
        "description": include_str!("description.md"),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    })
}

/// The order in which the parts of the document are written; everything below is sorted by name, so that the text does not
/// depend on who builds it.
const ORDER: [&str; 8] = ["openapi", "info", "servers", "tags", "paths", "webhooks", "x-queues", "components"];

/// Writes JSON with two spaces for each level. Lists of values, and an object of one, stand on one line.
fn write(value: &Value, depth: usize, out: &mut String) {
    let is_flat = |value: &Value| !value.is_object() && !value.is_array();
    match value {
        Value::Object(fields) if fields.len() > 1 || !fields.values().all(is_flat) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_by_key(|name| (ORDER.iter().position(|part| depth == 0 && part == name), name.as_str()));
            lines(out, depth, ['{', '}'], names.into_iter(), |name, out| {
                out.push_str(&format!("{}: ", json!(name)));
                write(&fields[name.as_str()], depth + 1, out);
            });
        }
        Value::Array(items) if !items.iter().all(is_flat) => {
            lines(out, depth, ['[', ']'], items.iter(), |item, out| write(item, depth + 1, out));
        }
        other => out.push_str(&other.to_string()),
    }
}

fn lines<T>(
    out: &mut String,
    depth: usize,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    show: impl Fn(T, &mut String),
) {
    out.push(open);
    let last = items.len();
    for (at, item) in (1..).zip(items) {
        out.push('\n');
        out.push_str(&"  ".repeat(depth + 1));
        show(item, out);
        if at < last {
            out.push(',');
        }
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}
