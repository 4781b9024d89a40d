//! What a request chooses beside its credential: the organization, and for a user live or test data.

use domain::{Invalid, Mode, OrgId};
use http::{HeaderMap, request::Parts};

use crate::{problem::Problem, query::Query};

/// The parameter that may name the organization.
pub(crate) const ORGANIZATION: &str = "organization_id";

/// The organization that headers and query name, if they name one.
///
/// # Errors
/// `VALIDATION_ERROR` for a value that is none, and for two that disagree.
pub(super) fn organization(parts: &Parts) -> Result<Option<OrgId>, Problem> {
    let mut named = None;
    for name in ["x-organization-id", "x-account-id"] {
        for value in parts.headers.get_all(name) {
            agree(&mut named, name, value.to_str().ok())?;
        }
    }
    let mut query = Query::parse(parts.uri.query().unwrap_or_default());
    if let Some(text) = query.text(ORGANIZATION) {
        agree(&mut named, ORGANIZATION, Some(text))?;
    }
    query.finish()?;
    Ok(named)
}

fn agree(named: &mut Option<OrgId>, name: &str, text: Option<&str>) -> Result<(), Problem> {
    let Some(id) = text.and_then(|text| text.trim().parse().ok()) else { return Err(malformed(name, "must be one UUID")) };
    match named.replace(id) {
        Some(other) if other != id => Err(malformed(name, "names another organization than another header or parameter")),
        _ => Ok(()),
    }
}

/// The data that a user asks for: live unless `x-mode` says otherwise.
///
/// # Errors
/// `VALIDATION_ERROR` for a value that is none.
pub(super) fn mode(headers: &HeaderMap) -> Result<Mode, Problem> {
    let mut values = headers.get_all("x-mode").iter();
    let Some(value) = values.next() else { return Ok(Mode::Live) };
    let mode = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|_| values.next().is_none());
    mode.ok_or_else(|| malformed("x-mode", "must be live or test"))
}

fn malformed(name: &str, problem: &str) -> Problem {
    Problem::invalid(vec![Invalid::new(name, problem)])
}
