//! What creators and changers of keys send, field by field.

use api::Fields;
use domain::{
    Timestamp,
    allowed_ip::{AllowedIp, MAX_ALLOWED_IPS},
    api_key::{KeyChange, MAX_NAME_CHARS},
    scope::{Scope, Scopes},
};

/// What is sent of a key's settings; faults are noted.
pub(crate) fn read(fields: &mut Fields, now: Timestamp) -> KeyChange {
    KeyChange { name: name(fields), scopes: scopes(fields), allowed_ips: allowed_ips(fields), valid_until: expires_at(fields, now) }
}

fn name(fields: &mut Fields) -> Option<String> {
    let text = fields.text("name")?;
    let name = text.trim();
    if (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !text.chars().any(char::is_control) {
        return Some(name.to_owned());
    }
    fields.fault("name", format!("must have 1 to {MAX_NAME_CHARS} characters and no control characters"));
    None
}

fn scopes(fields: &mut Fields) -> Option<Scopes> {
    let names = fields.texts("scopes")?;
    if names.is_empty() {
        fields.fault("scopes", "must name at least one scope");
    }
    let all = || Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
    let mut scopes = Scopes::new();
    for (at, name) in names.iter().enumerate() {
        match name.parse::<Scope>() {
            Ok(scope) => _ = scopes.insert(scope),
            Err(_) => fields.fault(&format!("scopes.{at}"), format!("must be one of {}", all())),
        }
    }
    Some(scopes)
}

/// Null lifts the limit, as an empty list does.
fn allowed_ips(fields: &mut Fields) -> Option<Vec<AllowedIp>> {
    if !fields.has("allowed_ips") {
        return (!fields.lacks("allowed_ips")).then(Vec::new);
    }
    let texts = fields.texts("allowed_ips")?;
    if texts.len() > MAX_ALLOWED_IPS {
        fields.fault("allowed_ips", format!("must have at most {MAX_ALLOWED_IPS} entries"));
        return None;
    }
    let mut ranges = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match text.parse::<AllowedIp>() {
            Ok(range) if ranges.contains(&range) => (),
            Ok(range) => ranges.push(range),
            Err(error) => fields.fault(&format!("allowed_ips.{at}"), error),
        }
    }
    Some(ranges)
}

fn expires_at(fields: &mut Fields, now: Timestamp) -> Option<Option<Timestamp>> {
    let end = fields.parsed_or_null::<Timestamp>("expires_at")?;
    if end.is_some_and(|end| end <= now) {
        fields.fault("expires_at", "must lie in the future");
    }
    Some(end)
}
