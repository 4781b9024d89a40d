//! Refusals: the shape of a problem, and one response for each set of codes that a route knows under a status.

use std::collections::BTreeMap;

use api::Code;
use serde_json::{Map, Value, json};

use crate::{
    parameters::RATE_LIMITS,
    schemas::{Schemas, reference},
    shapes::Problem,
};

/// How a family of routes tells its problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Style {
    /// A JSON object.
    Json,
    /// A line of text, or the JSON object for clients that take nothing else.
    Telephony,
}

impl Style {
    /// The code and status under which a refusal is told: the telephony routes know no «later» but that of the encryption.
    fn told(self, code: Code) -> Code {
        if self == Self::Telephony && code == Code::ServiceUnavailable { Code::InternalError } else { code }
    }
}

/// The responses that were asked for.
#[derive(Default)]
pub(crate) struct Problems(BTreeMap<String, (Vec<Code>, Style)>);

impl Problems {
    /// The responses of a route that refuses with these codes, by status.
    pub(crate) fn responses(&mut self, codes: &[Code], style: Style) -> BTreeMap<u16, Value> {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        // In the order of the table of codes, each once.
        for code in Code::ALL {
            let is_told = codes.iter().any(|asked| style.told(*asked) == *code);
            if is_told {
                by_status.entry(code.status()).or_default().push(*code);
            }
        }
        by_status.into_iter().map(|(status, codes)| (status, self.response(codes, style))).collect()
    }

    fn response(&mut self, codes: Vec<Code>, style: Style) -> Value {
        let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let prefix = if style == Style::Telephony { "telephony." } else { "" };
        let name = format!("{prefix}{}", names.join("."));
        let told = reference("responses", &name);
        self.0.insert(name, (codes, style));
        told
    }

    /// All responses, as components.
    pub(crate) fn components(&self, schemas: &mut Schemas) -> Value {
        let all = self.0.iter().map(|(name, (codes, style))| (name.clone(), described(codes, *style, &schema(codes, schemas))));
        json!(all.collect::<Map<_, _>>())
    }
}

/// A problem with one of these codes, under a name that tells them: generators of clients make a type of it.
fn schema(codes: &[Code], schemas: &mut Schemas) -> Value {
    let problem = schemas.answer::<Problem>();
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let name = format!("{}Problem", names.iter().map(|name| in_pascal_case(name)).collect::<Vec<_>>().join("Or"));
    let code = json!({"type": "string", "enum": names, "description": "The refusal for programs."});
    let description = format!("A refusal: {}.", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "));
    let parts = json!([problem, {"type": "object", "properties": {"code": code}}]);
    schemas.named(&name, json!({"description": description, "allOf": parts, "examples": codes.first().map(|code| [example(*code)])}))
}

/// `NOT_FOUND` is `NotFound`.
fn in_pascal_case(name: &str) -> String {
    let words = name.split('_').filter_map(|word| word.split_at_checked(1));
    words.map(|(first, rest)| format!("{first}{}", rest.to_ascii_lowercase())).collect()
}

fn described(codes: &[Code], style: Style, schema: &Value) -> Value {
    let meanings: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.meaning())).collect();
    // Also on routes for which no limit holds it does for whoever is refused.
    let named = ["X-Request-Id"].into_iter().chain(RATE_LIMITS);
    let mut headers: Map<String, Value> = named.map(|name| (name.to_ascii_lowercase(), reference("headers", name))).collect();
    if codes.iter().any(|code| matches!(code.status(), 429 | 503) || *code == Code::IdempotencyInProgress) {
        headers.insert("retry-after".to_owned(), reference("headers", "Retry-After"));
    }
    let examples: Map<String, Value> =
        codes.iter().map(|code| (code.as_str().to_owned(), json!({"summary": code.meaning(), "value": example(*code)}))).collect();
    let mut content = json!({"application/json": {"schema": schema, "examples": examples}});
    if style == Style::Telephony {
        content["text/plain"] = json!({"schema": {"type": "string", "maxLength": 40_000}, "example": text(codes)});
    }
    json!({"description": meanings.join("\n\n"), "headers": headers, "content": content})
}

/// The text of a telephony route, for one of the cases.
fn text(codes: &[Code]) -> &'static str {
    match codes.first().map(|code| (code.status(), *code)) {
        Some((400, _)) => "Invalid body or missing field: label: is required",
        Some((401, _)) => "Unauthorized",
        Some((403, _)) => "Forbidden",
        Some((404, _)) => "Credential not found",
        Some((409, Code::Conflict)) => "Credential in use by phone numbers",
        Some((409, _)) => "A request with this Idempotency-Key is still under way",
        Some((413, _)) => "Payload too large",
        Some((415, _)) => "Unsupported media type",
        Some((422, _)) => "Idempotency key reused",
        Some((429, _)) => "Rate limit exceeded",
        Some((503, _)) => "Encryption service unavailable",
        _ => "Database error",
    }
}

fn example(code: Code) -> Value {
    let errors = match code {
        Code::ValidationError => json!({"errors": [{"field": "limit", "problem": "must be a whole number from 1 to 100"}]}),
        Code::MissingFields => json!({"errors": [{"field": "name", "problem": "is required"}]}),
        _ => json!({}),
    };
    let error = match code {
        Code::ValidationError => "limit: must be a whole number from 1 to 100",
        Code::MissingFields => "name: is required",
        other => other.meaning().trim_end_matches('.'),
    };
    json!({"error": error, "code": code.as_str(), "details": errors, "request_id": "JKJaXmPLvHcESHA="})
}
