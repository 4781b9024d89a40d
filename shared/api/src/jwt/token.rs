//! A token taken apart: what it says of itself, before anything of it is believed.
//!
//! Every check here is of the token's own text and costs no more than reading it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Timestamp, UserId};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::issuers::{Algorithm, Issuer};

/// The longest token that is looked at, in bytes.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// By how much the clocks of issuer and API may differ, in milliseconds.
const LEEWAY_MILLIS: f64 = 30_000.0;

/// The role of users who are signed in. `anon` and `service_role` are not users.
const ROLE: &str = "authenticated";

/// Header fields with which a token would choose its own key or its own rules. Nothing of them is honoured, and an honest
/// token has none.
const REFUSED_HEADERS: [&str; 6] = ["jwk", "jku", "x5u", "x5c", "crit", "b64"];

/// Why a token is refused: for the log alone.
pub(crate) type Refusal = &'static str;

/// A token's parts. Nothing of it is true until the signature holds.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// What is signed: header and claims as they came.
    pub(crate) signed: &'a str,
    /// The signature as it came.
    pub(crate) signature: &'a str,
    /// The algorithm that it says it is signed with.
    pub(crate) algorithm: Algorithm,
    /// The key that it says it is signed with. It is compared and nothing else.
    pub(crate) key_id: Option<String>,
    claims: Map<String, Value>,
}

/// Whether a credential has the form of a token: three parts with dots between them.
pub(crate) fn looks_like_one(text: &str) -> bool {
    text.split('.').count() == 3
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_BYTES {
            return Err("it is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or("it has too few parts")?;
        let (header, claims) = signed.split_once('.').ok_or("it has too few parts")?;
        let header = object(header).ok_or("its header is no object, or a name stands twice")?;
        let claims = object(claims).ok_or("its claims are no object, or a name stands twice")?;
        if REFUSED_HEADERS.iter().any(|name| header.contains_key(*name)) {
            return Err("its header names a key or rules of its own");
        }
        if header.get("typ").is_some_and(|kind| !kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("JWT"))) {
            return Err("it is of another type");
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named).ok_or("its algorithm is none of ours")?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err("its key id is no text"),
        };
        Ok(Self { signed, signature, algorithm, key_id, claims })
    }

    /// Who it says that it is from.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Checks all that this issuer's tokens must say, and returns whom it speaks of.
    pub(crate) fn check(&self, issuer: &Issuer, now: Timestamp) -> Result<UserId, Refusal> {
        if !issuer.algorithms.contains(&self.algorithm) {
            return Err("its algorithm is none of its issuer's");
        }
        if !self.is_for(&issuer.audience) {
            return Err("it is for another audience");
        }
        if self.text("role") != Some(ROLE) {
            return Err("its role is not that of a user");
        }
        if !matches!(self.claims.get("is_anonymous"), None | Some(Value::Null | Value::Bool(false))) {
            return Err("the user is anonymous");
        }
        self.check_times(now)?;
        let subject = self.text("sub").filter(|text| !text.starts_with(UserId::PREFIX)).and_then(|text| text.parse().ok());
        subject.ok_or("its subject is no UUID")
    }

    /// The end is required, the beginning is not (RFC 7519, 4.1.4 and 4.1.5).
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    fn check_times(&self, now: Timestamp) -> Result<(), Refusal> {
        let now = now.as_millis() as f64;
        let end = self.time("exp")?.ok_or("it has no end")?;
        if now >= end + LEEWAY_MILLIS {
            return Err("it has expired");
        }
        if self.time("nbf")?.is_some_and(|begin| now + LEEWAY_MILLIS < begin) {
            return Err("it is not valid yet");
        }
        Ok(())
    }

    /// A claim that is a time, in milliseconds since 1970.
    fn time(&self, name: &str) -> Result<Option<f64>, Refusal> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(|seconds| Some(seconds * 1000.0)).ok_or("a time of it is no number"),
        }
    }

    /// One audience, or a list of them.
    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.iter().any(|one| one == audience),
            _ => false,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice::<Distinct>(&json).ok().map(|object| object.0)
}

/// A JSON object in which no name stands twice: two readers of one that does may see two tokens.
struct Distinct(Map<String, Value>);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DistinctVisitor)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Distinct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Distinct, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Distinct(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: Value) -> Token<'static> {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        Token { signed: "", signature: "", algorithm: Algorithm::Es256, key_id: None, claims }
    }

    #[test]
    fn a_token_has_three_parts() {
        for (text, is_one) in [("a.b.c", true), ("..", true), ("a.b", false), ("a.b.c.d", false), ("", false)] {
            assert_eq!(looks_like_one(text), is_one, "{text}");
        }
    }

    #[test]
    fn a_token_has_so_many_bytes_at_most() {
        let refused = |bytes: usize| Token::read(&"a".repeat(bytes)).err();
        assert_eq!(refused(8 * 1024), Some("it has too few parts"), "it was looked at");
        assert_eq!(refused(8 * 1024 + 1), Some("it is too long"));
    }

    #[test]
    fn an_audience_is_the_one_or_among_several_texts() {
        let good = [json!("us"), json!(["us"]), json!(["others", "us"]), json!(["us", "others"])];
        for audience in good {
            assert!(token(json!({"aud": audience})).is_for("us"), "{audience}");
        }
        for audience in [json!("others"), json!([]), json!(["others"]), json!(["us", 7]), json!(7), json!({"us": "us"}), Value::Null] {
            assert!(!token(json!({"aud": audience})).is_for("us"), "{audience}");
        }
        assert!(!token(json!({})).is_for("us"));
    }

    #[test]
    fn clocks_may_differ_by_the_leeway_and_no_more() {
        let now = Timestamp::from_millis(1_800_000_000_000).unwrap();
        let seconds = |millis: f64| json!((1_800_000_000_000.0 + millis) / 1000.0);
        let is_in_time = |end: f64, begin: f64| token(json!({"exp": seconds(end), "nbf": seconds(begin)})).check_times(now).is_ok();
        assert!(is_in_time(1.0 - LEEWAY_MILLIS, LEEWAY_MILLIS));
        assert!(!is_in_time(-LEEWAY_MILLIS, 0.0), "it ended when the leeway did");
        assert!(!is_in_time(1.0, LEEWAY_MILLIS + 1.0), "it begins a millisecond after the leeway");
    }
}
