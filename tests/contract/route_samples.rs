//! How each route is asked rightly, and where a request to it names things by their ids.
//!
//! The one list of requests by hand. A route without a row fails the matrix, and so does a row without a route.

use api::Route;
use http::Method;
use serde_json::Value;

use crate::things::{
    Kind::{self, Call, Credential, E164, Endpoint, Number, Webhook},
    Things, kind_in,
};

/// A right request.
pub(crate) struct Sample {
    method: &'static str,
    route: &'static str,
    query: &'static str,
    /// JSON; empty if the route reads no body.
    body: &'static str,
    /// Things that the query may name, one at a time.
    pub(crate) query_names: &'static [(&'static str, Kind)],
    /// A thing that the body names, if it names one.
    pub(crate) body_name: Option<(&'static str, Kind)>,
}

/// The place in which a request names a thing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    Path,
    Query(&'static str, Kind),
    Body,
}

const fn ask(method: &'static str, route: &'static str) -> Sample {
    Sample { method, route, query: "", body: "", query_names: &[], body_name: None }
}

const fn get(route: &'static str) -> Sample {
    ask("GET", route)
}

const fn post(route: &'static str) -> Sample {
    ask("POST", route)
}

const fn patch(route: &'static str) -> Sample {
    ask("PATCH", route)
}

const fn delete(route: &'static str) -> Sample {
    ask("DELETE", route)
}

impl Sample {
    const fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    const fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    const fn query_names(self, query_names: &'static [(&'static str, Kind)]) -> Self {
        Self { query_names, ..self }
    }

    const fn body_name(self, name: &'static str, kind: Kind) -> Self {
        Self { body_name: Some((name, kind)), ..self }
    }
}

/// Every route, in an order in which one organization can ask all of them with success.
pub(crate) const SAMPLES: &[Sample] = &[
    get("/phone-numbers").query_names(&[("endpoint_id", Endpoint)]),
    get("/phone-numbers/available").query("country=NG"),
    get("/phone-numbers/{id}"),
    get("/endpoints"),
    get("/endpoints/{id}"),
    get("/calls").query_names(&[("phone_number_id", Number), ("endpoint_id", Endpoint)]),
    get("/calls/stats").query_names(&[("phone_number_id", Number), ("endpoint_id", Endpoint)]),
    get("/calls/trends").query_names(&[("phone_number_id", Number), ("endpoint_id", Endpoint)]),
    get("/calls/{id}"),
    get("/calls/{id}/events"),
    get("/telephony/numbers").query_names(&[("agent_id", Endpoint)]),
    get("/telephony/providers"),
    get("/webhooks"),
    get("/webhooks/{id}"),
    get("/webhooks/deliveries").query_names(&[
        ("endpoint_id", Endpoint),
        ("subscription_id", Webhook),
        ("receiver_id", Webhook),
        ("call_id", Call),
    ]),
    get("/webhooks/deliveries/{id}"),
    get("/organizations"),
    get("/api-keys"),
    get("/api-keys/{id}"),
    get("/audit").query_names(&[("resource_id", Endpoint)]),
    post("/phone-numbers").body(r#"{"e164": "+2348030000002", "country": "NG", "type": "mobile"}"#).body_name("endpoint_id", Endpoint),
    patch("/phone-numbers/{id}").body(r#"{"allow_outbound": true}"#).body_name("endpoint_id", Endpoint),
    post("/endpoints")
        .body(r#"{"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"}"#)
        .body_name("phone_number_id", Number),
    patch("/endpoints/{id}").body(r#"{"name": "F"}"#),
    post("/endpoints/{id}/rotate-secret"),
    post("/webhooks").body(r#"{"url": "https://hooks.example.com/x"}"#),
    patch("/webhooks/{id}").body(r#"{"events": ["call.*"]}"#),
    post("/webhooks/{id}/rotate-secret"),
    post("/webhooks/{id}/test"),
    post("/webhooks/deliveries/{id}/replay"),
    post("/webhooks/replay").body("{}").body_name("call_id", Call),
    post("/webhooks/replay").body(r#"{"start_date": "2026-01-01"}"#).body_name("subscription_id", Webhook),
    post("/webhooks/replay").body(r#"{"start_date": "2026-01-01"}"#).body_name("endpoint_id", Endpoint),
    post("/route/explain").body("{}").body_name("to", E164),
    post("/route/resolve").body("{}").body_name("to", E164),
    post("/test/calls").body(r#"{"script": "answered"}"#).body_name("to", E164),
    post("/telephony/providers")
        .body(r#"{"provider": "vobiz", "label": "A", "credentials": {"auth_id": "account-1", "auth_token": "token"}}"#),
    patch("/telephony/providers/{id}").body(r#"{"label": "B"}"#),
    post("/telephony/providers/{id}/rotate-callbacks"),
    post("/telephony/numbers").body(r#"{"e164": "+2348059999999", "provider": "vobiz"}"#).body_name("credentials_id", Credential),
    patch("/telephony/numbers/{id}").body(r#"{"agent_id": "agent-1"}"#),
    delete("/telephony/numbers/{id}"),
    post("/api-keys").body(r#"{"name": "K", "scopes": ["calls:read"]}"#),
    patch("/api-keys/{id}").body(r#"{"name": "L"}"#),
    delete("/api-keys/{id}"),
    delete("/webhooks/{id}"),
    delete("/phone-numbers/{id}"),
    delete("/endpoints/{id}"),
    delete("/calls/{id}"),
    delete("/telephony/providers/{id}"),
];

impl Sample {
    /// Whether this is how the route is asked.
    pub(crate) fn is_of(&self, route: &Route) -> bool {
        (self.method, self.route) == (route.method.as_str(), route.path)
    }

    pub(crate) fn method(&self) -> Method {
        self.method.parse().unwrap()
    }

    /// Method and route, for people.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    /// The places in which it names things.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let path = self.route.contains("{id}").then_some(Slot::Path);
        let query = self.query_names.iter().map(|(name, kind)| Slot::Query(name, *kind));
        path.into_iter().chain(query).chain(self.body_name.map(|_| Slot::Body)).collect()
    }

    /// Path and query, naming things of this organization in the path.
    pub(crate) fn path(&self, things: &Things) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("/v1{}{mark}{}", self.with_id(things), self.query)
    }

    /// The body, naming a thing of this organization.
    pub(crate) fn body_of(&self, things: &Things) -> String {
        let mut body: Value = if self.body.is_empty() { return String::new() } else { serde_json::from_str(self.body).unwrap() };
        if let Some((name, kind)) = self.body_name {
            body[name] = things.name(kind).into();
        }
        body.to_string()
    }

    /// Path, query and body of a request of `own` that names a thing of `others` in one place.
    pub(crate) fn naming(&self, slot: Slot, own: &Things, others: &Things) -> (String, String) {
        match slot {
            Slot::Path => (self.path(others), self.body_of(own)),
            Slot::Query(name, kind) => {
                let path = self.path(own);
                let glue = if path.contains('?') { '&' } else { '?' };
                (format!("{path}{glue}{name}={}", others.name(kind)), self.body_of(own))
            }
            Slot::Body => (self.path(own), self.body_of(others)),
        }
    }

    fn with_id(&self, things: &Things) -> String {
        if !self.route.contains("{id}") {
            return self.route.to_owned();
        }
        self.route.replace("{id}", &things.name(kind_in(self.route)))
    }
}
