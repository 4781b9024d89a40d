//! What receivers' functions are given to judge: a delivery as it was sent, and what a forger would make of it.

use serde::Serialize;
use serde_json::Value;

/// How far the time of a genuine webhook may be from the receiver's clock, in seconds.
const TOLERANCE: u64 = 300;

/// Nobody's.
const ANOTHER_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// One call of a function, and what it must say.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Case {
    what: &'static str,
    secret: String,
    headers: Value,
    body: String,
    /// The receiver's clock, in seconds since 1970.
    now: u64,
    genuine: bool,
}

impl Case {
    fn forged(&self, what: &'static str) -> Self {
        Self { what, genuine: false, ..self.clone() }
    }

    fn at(&self, what: &'static str, now: u64) -> Self {
        Self { now, ..self.forged(what) }
    }

    fn header(&self, what: &'static str, name: &str, value: &str) -> Self {
        let mut forged = self.forged(what);
        forged.headers[name] = value.into();
        forged
    }

    fn body(&self, what: &'static str, body: String) -> Self {
        Self { body, ..self.forged(what) }
    }
}

/// What a recorded delivery gives to judge: it is genuine under each of its secrets and up to the edges of the time, and no forgery of
/// it is. `None` if the record is damaged.
pub(super) fn of_delivery(delivery: &Value) -> Option<Vec<Case>> {
    let sent: u64 = delivery["headers"]["webhook-timestamp"].as_str()?.parse().ok()?;
    let (headers, body) = (delivery["headers"].clone(), delivery["body"].as_str()?.to_owned());
    let secrets = delivery["secrets"].as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let genuine = |secret: &str| Case {
        what: "genuine",
        secret: secret.to_owned(),
        headers: headers.clone(),
        body: body.clone(),
        now: sent,
        genuine: true,
    };
    let first = genuine(secrets.first()?);
    let edges = [sent - TOLERANCE, sent + TOLERANCE].map(|now| Case { genuine: true, ..first.at("genuine, at the edge of the time", now) });
    Some(secrets.into_iter().map(genuine).chain(edges).chain(forgeries(&first, sent)?).collect())
}

fn forgeries(genuine: &Case, sent: u64) -> Option<Vec<Case>> {
    let signature = genuine.headers["webhook-signature"].as_str()?;
    let (time, id, signed) = ("webhook-timestamp", "webhook-id", "webhook-signature");
    Some(vec![
        genuine.at("too far in the past of the clock", sent + TOLERANCE + 1),
        genuine.at("a day old", sent + 86_400),
        genuine.at("too far in the future of the clock", sent - TOLERANCE - 1),
        Case { secret: ANOTHER_SECRET.to_owned(), ..genuine.forged("another secret") },
        genuine.body("a longer body", format!("{} ", genuine.body)),
        genuine.body("another body", genuine.body.replacen("call", "cell", 1)),
        genuine.header("another time", time, &(sent + 1).to_string()),
        genuine.header("no time", time, ""),
        genuine.header("a time that is no number", time, &format!("{sent}x")),
        genuine.header("another id", id, "msg_another"),
        genuine.header("no signature", signed, ""),
        genuine.header("a signature of nothing", signed, "v1,"),
        genuine.header("another version", signed, &signature.replace("v1,", "v2,")),
        genuine.header("half a signature", signed, signature.get(..20)?),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_case_but_the_first_ones_is_a_forgery_and_differs_from_them() {
        let delivery = json!({"body": "{\"event\": \"call.completed\"}", "secrets": ["whsec_a", "whsec_b"], "headers": {
            "webhook-id": "msg_1", "webhook-timestamp": "1767323045", "webhook-signature": "v1,0123456789012345678901234567890123456789abc="}});
        let cases = of_delivery(&delivery).unwrap();
        let (genuine, forged) = cases.split_at(4);
        assert_eq!((genuine.len(), forged.len()), (4, 14));
        assert!(genuine.iter().all(|case| case.genuine) && forged.iter().all(|case| !case.genuine));
        let same = |one: &Case, other: &Case| {
            (&one.secret, &one.headers, &one.body, one.now) == (&other.secret, &other.headers, &other.body, other.now)
        };
        assert!(forged.iter().all(|case| !genuine.iter().any(|other| same(case, other))));
    }
}
