//! What is answered outside of the API's prefixes: carriers, this document, the page that shows it, and whether there is
//! somebody.

use api::Code;
use serde_json::{Value, json};

use crate::{
    operation::{Operation, operation},
    schemas::Schemas,
};

pub(crate) const CARRIERS: &str = "Carriers";
pub(crate) const SERVICE: &str = "Service";

/// What 403 says to whoever asks in a carrier's name.
const UNSIGNED: &str = "Not signed by the carrier, or nobody's address: no answer tells which.";

const SIGNATURES: &[&str] = &["twilioSignature", "plivoSignature", "vobizSignature"];

/// The operations, with their whole paths.
pub(crate) fn outside() -> Vec<Operation> {
    vec![
        operation("POST", "/carriers/{carrier}/{token}/voice", "answer_carrier", CARRIERS, "A carrier asks where a call goes")
            .says("The address is a part of a credential's creation. The parameters are the carrier's own, as a form or in the query. A carrier never gets an error page: what cannot be answered is a busy line.")
            .signed_by(SIGNATURES)
            .answers_as(200, "What to do with the call, in the carrier's XML.", "application/xml", text)
            .answers_as(403, UNSIGNED, "text/plain", text),
        operation("POST", "/carriers/{carrier}/{token}/status", "take_carrier_status", CARRIERS, "A carrier tells what became of a call")
            .signed_by(SIGNATURES)
            .says("The event is queued before the carrier is thanked.")
            .answers_as(200, "It is taken.", "application/xml", text)
            .answers_as(403, UNSIGNED, "text/plain", text)
            .answers_nothing(503, "It could not be queued: send it again."),
        operation("GET", "/openapi.json", "get_openapi", SERVICE, "Get this document")
            .says("With `If-None-Match` and the `ETag` of what you have, 304 says that it is still the same.")
            .answers_as(200, "The document.", "application/json", object)
            .answers_nothing(304, "You have it.")
            .versioned()
            .refuses([Code::RateLimitExceeded]),
        operation("GET", "/docs", "get_docs", SERVICE, "Read this document as a page")
            .says("The page loads nothing from elsewhere, and can send requests with a key of yours.")
            .answers_as(200, "The page.", "text/html", text)
            .answers_nothing(304, "You have it.")
            .versioned()
            .refuses([Code::RateLimitExceeded]),
        operation("GET", "/health", "get_health", SERVICE, "Ask whether the API answers")
            .says("Says nothing of table and queues.")
            .answers_as(200, "It does.", "application/json", health)
            .refuses([Code::RateLimitExceeded]),
    ]
}

fn text(_: &mut Schemas) -> Value {
    json!({"type": "string"})
}

fn object(_: &mut Schemas) -> Value {
    json!({"type": "object"})
}

fn health(schemas: &mut Schemas) -> Value {
    let status = json!({"type": "string", "enum": ["ok"], "description": "Always `ok`."});
    let description = "That the API answers.";
    let schema = json!({"type": "object", "description": description, "properties": {"status": status}, "examples": [{"status": "ok"}]});
    schemas.named("Health", schema)
}
