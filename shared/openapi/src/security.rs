//! How callers prove who they are.

use api::Access;
use domain::scope::Scope;
use serde_json::{Map, Value, json};

/// The ways in which an organization's callers show who they are; one of them is enough.
const OF_CALLERS: [&str; 3] = ["apiKey", "apiKeyAsBearer", "userToken"];

/// The schemes, as components.
pub(crate) fn schemes() -> Value {
    let scopes: Vec<String> = Scope::ALL.iter().map(|scope| format!("- `{scope}`: {}", scope.meaning())).collect();
    let scopes = scopes.join("\n");
    json!({
        "apiKey": {
            "type": "apiKey", "in": "header", "name": "x-api-key",
            "description": format!("An API key: `kros_live_…` for live data, `kros_test_…` for test data, of which nothing reaches a carrier. \
                Each operation names the scope that the key must hold.\n\n{scopes}"),
        },
        "apiKeyAsBearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "kros_live_… or kros_test_…",
            "description": "The same key as `Authorization: Bearer`.",
        },
        "userToken": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A user's token, from an issuer that the operator trusts. The user's role in the organization stands for a set of scopes. \
                The organization is named by a header; live data is meant unless `x-mode` is `test`.",
        },
        "operatorKey": {
            "type": "apiKey", "in": "header", "name": "x-api-key",
            "description": "A key of the operator of the deployment, who is no organization.",
        },
        "twilioSignature": signature("X-Twilio-Signature", "Twilio"),
        "plivoSignature": signature("X-Plivo-Signature-V3", "Plivo"),
        "vobizSignature": signature("X-Vobiz-Signature-V3", "Vobiz"),
    })
}

fn signature(header: &str, carrier: &str) -> Value {
    json!({
        "type": "apiKey", "in": "header", "name": header,
        "description": format!("The signature that {carrier} makes of its request with the account's token."),
    })
}

/// What a route asks for: any one of the list.
pub(crate) fn of(access: Access, signed_by: &[&str]) -> Value {
    let any_of = |schemes: &[&str], roles: &[&str]| {
        let each = schemes.iter().map(|scheme| json!(Map::from_iter([((*scheme).to_owned(), json!(roles))])));
        json!(each.collect::<Vec<_>>())
    };
    match access {
        Access::Open => any_of(signed_by, &[]),
        Access::AnyCaller | Access::Identity => any_of(&OF_CALLERS, &[]),
        Access::Scope(scope) => any_of(&OF_CALLERS, &[scope.as_str()]),
        Access::Operator => any_of(&["operatorKey"], &[]),
    }
}
