//! Calls as their source tells them: the messages of `events/call-events/`, aimed at a number of one's own.

use std::path::Path;

use anyhow::Context as _;
use domain::{CallId, Timestamp};
use runtime::random;
use serde_json::{Value, json};

/// Reads the messages of a file of `events/call-events/` and gives them another organization, call, number and time.
///
/// Event ids begin with the call's id, so that every call has events of its own. The first event happens `ago_seconds`
/// before `now`; the distances between events stay.
///
/// # Errors
/// If the file is not there or is no SQS event with JSON bodies.
pub fn messages(
    file: &Path,
    organization: &str,
    mode: &str,
    to: &str,
    now: Timestamp,
    ago_seconds: i64,
) -> anyhow::Result<(CallId, Vec<Value>)> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let event: Value = serde_json::from_str(&text)?;
    let records = event["Records"].as_array().context("an SQS event has Records")?;
    let mut bodies: Vec<Value> = records
        .iter()
        .map(|record| Ok(serde_json::from_str(record["body"].as_str().context("a record has a body")?)?))
        .collect::<anyhow::Result<_>>()?;
    let time = |body: &Value| body["timestamp"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let begin = bodies.iter().filter_map(time).min().context("events have timestamps")?;
    let new_begin = now.plus_millis(-1000 * ago_seconds);
    let call = CallId::new(new_begin, random::bytes());
    for body in &mut bodies {
        let shifted = time(body).context("events have timestamps")?.millis_since(begin);
        body["timestamp"] = json!(new_begin.plus_millis(shifted));
        body["organization_id"] = json!(organization);
        body["mode"] = json!(mode);
        body["call_id"] = json!(call);
        body["id"] = json!(format!("{call}:{}", body["id"].as_str().context("events have ids")?));
        body["data"]["to_number"] = json!(to);
    }
    Ok((call, bodies))
}

/// The folder of Lambda events.
#[must_use]
pub fn events_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// The same items in another order, by the random numbers of this process.
#[must_use]
pub fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    for last in (1..items.len()).rev() {
        let pick = usize::from(u16::from_be_bytes(random::bytes())) % (last + 1);
        items.swap(last, pick);
    }
    items
}
