//! Dead letters as text and as JSON. What a stranger sent must not steer the operator's terminal.

use domain::Timestamp;
use queue::{DeadLetter, WorkQueue};
use serde_json::{Value, json};

/// How many characters of a body a line shows.
const BEGINNING_CHARS: usize = 80;

/// A letter on one line.
pub(super) fn line(letter: &DeadLetter, now: Timestamp) -> String {
    let organization = letter.organization_id().map(|id| format!("  organization {id}")).unwrap_or_default();
    let call = letter.call_id().map(|id| format!("  call {id}")).unwrap_or_default();
    let beginning: String = letter.body.chars().take(BEGINNING_CHARS).collect();
    let (age, reason) = (age(letter, now), clean(&letter.cause.to_string()));
    format!("{}  {age:>7}  {reason}{organization}{call}  {}", clean(&letter.message_id), clean(&beginning))
}

/// A letter whole, for people.
pub(super) fn whole(queue: WorkQueue, letter: &DeadLetter, now: Timestamp) -> String {
    let mut lines = vec![
        ("id", letter.message_id.clone()),
        ("queue", queue.to_string()),
        ("sent_at", letter.sent_at.map(|at| at.to_string()).unwrap_or_default()),
        ("age", age(letter, now)),
        ("reason", letter.cause.to_string()),
        ("organization_id", letter.organization_id().map(|id| id.to_string()).unwrap_or_default()),
        ("call_id", letter.call_id().map(|id| id.to_string()).unwrap_or_default()),
        ("group", letter.group.clone().unwrap_or_default()),
    ];
    lines.extend(letter.attributes.iter().map(|(name, value)| ("attribute", format!("{name} = {value}"))));
    let head: Vec<String> =
        lines.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {}", clean(value))).collect();
    let body: Vec<String> = letter.body.lines().map(clean).collect();
    format!("{}\nbody:\n{}", head.join("\n"), body.join("\n"))
}

/// A letter whole, for programs.
pub(super) fn json(queue: WorkQueue, letter: &DeadLetter, now: Timestamp) -> Value {
    json!({
        "queue": queue.as_str(),
        "message_id": letter.message_id,
        "sent_at": letter.sent_at,
        "age_seconds": letter.sent_at.map(|at| seconds(at, now)),
        "reason": letter.cause.to_string(),
        "organization_id": letter.organization_id(),
        "call_id": letter.call_id(),
        "group": letter.group,
        "attributes": letter.attributes,
        "body": letter.body,
    })
}

/// Since when a letter has been there, in its two largest units; clocks that differ make nothing negative.
fn age(letter: &DeadLetter, now: Timestamp) -> String {
    let Some(sent_at) = letter.sent_at else { return "?".to_owned() };
    let seconds = seconds(sent_at, now);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

fn seconds(sent_at: Timestamp, now: Timestamp) -> i64 {
    now.millis_since(sent_at).max(0) / 1000
}

/// A text on one line, with everything escaped that a terminal would not print but obey.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => clean.push(c),
            _ => clean.extend(c.escape_debug()),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use queue::dead_letters::Cause;

    use super::*;

    const ORG: &str = "0198c0de-0000-7000-8000-000000000001";

    fn letter(body: &str, reason: &str) -> DeadLetter {
        DeadLetter {
            message_id: "6f0c".to_owned(),
            body: body.to_owned(),
            sent_at: Timestamp::from_millis(1_000_000).ok(),
            cause: Cause::Told(reason.to_owned()),
            group: None,
            attributes: BTreeMap::from([("reason".to_owned(), reason.to_owned())]),
            receipt: "receipt".to_owned(),
        }
    }

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + 1000 * seconds).unwrap()
    }

    #[test]
    fn a_line_tells_id_age_reason_whose_it_is_and_how_it_begins() {
        let body = format!(r#"{{"organization_id": "{ORG}", "call_id": "{ORG}"}}"#);
        let shown = line(&letter(&body, "no such number"), later(5_000));
        let beginning: String = body.chars().take(80).collect();
        assert_eq!(shown, format!("6f0c   1h 23m  no such number  organization {ORG}  call {ORG}  {beginning}"));
        assert_eq!(line(&letter("not JSON", "bad"), later(1)), "6f0c       1s  bad  not JSON");
    }

    #[test]
    fn an_age_has_its_two_largest_units_and_is_never_negative() {
        for (seconds, expected) in [(-9, "0s"), (0, "0s"), (59, "59s"), (61, "1m 1s"), (3_600, "1h 0m"), (1_000_000, "11d 13h")] {
            assert_eq!(age(&letter("", ""), later(seconds)), expected);
        }
    }

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        let hostile = letter("\u{1b}[2J\"a\"\r\n\u{202e}b\u{7}", "\u{9b}31m");
        let one = line(&hostile, later(0));
        assert_eq!(one, "6f0c       0s  \\u{9b}31m  \\u{1b}[2J\"a\"\\r\\n\\u{202e}b\\u{7}");
        let all = whole(WorkQueue::CallEvents, &hostile, later(0));
        assert!(all.chars().all(|c| c == '\n' || !c.is_control()), "{all:?}");
        assert!(all.ends_with("body:\n\\u{1b}[2J\"a\"\n\\u{202e}b\\u{7}"), "{all:?}");
    }

    #[test]
    fn everything_of_a_letter_is_shown_and_the_body_whole() {
        let body = format!(r#"{{"organization_id": "{ORG}", "text": "{}"}}"#, "x".repeat(500));
        let letter = letter(&body, "bad");
        let text = whole(WorkQueue::WebhookDeliveries, &letter, later(60));
        let head = format!(
            "id: 6f0c\nqueue: webhook-deliveries\nsent_at: 1970-01-01T00:16:40.000Z\nage: 1m 0s\nreason: bad\norganization_id: {ORG}\n"
        );
        assert_eq!(text, format!("{head}attribute: reason = bad\nbody:\n{body}"));
        let json = json(WorkQueue::WebhookDeliveries, &letter, later(60));
        assert_eq!((&json["body"], &json["age_seconds"], &json["call_id"]), (&body.into(), &60.into(), &Value::Null));
        assert_eq!((&json["organization_id"], &json["attributes"]["reason"]), (&ORG.into(), &"bad".into()));
    }
}
