//! API keys, organizations and the audit trail.

use api::Code::Conflict;
use domain::{Mode, audit::Action, wire};
use serde_json::{Value, json};

use crate::{
    constraints::resource_types,
    lists,
    operation::{Operation, operation},
    parameters::{choice, envelope, filter, paging, range, switch, walking},
    requests::{ApiKeyChange, ApiKeyOrder},
};

pub(crate) const TAG: &str = "API keys";
pub(crate) const ORGANIZATIONS: &str = "Organizations";
pub(crate) const AUDIT: &str = "Audit";

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = keys();
    all.extend([
        operation("GET", "/organizations", "list_organizations", ORGANIZATIONS, "List your organizations")
            .says(
                "A user's, the oldest membership first, which is the one that is meant where a request names none; or the one of the key.",
            )
            .lists("The organizations.", lists::organizations),
        operation("GET", "/audit", "list_audit", AUDIT, "List who did what")
            .says("What was done in the organization's data of the caller's mode, newest first.")
            .query(filters())
            .query(walking(20))
            .walks("A page of entries.", lists::audit),
    ]);
    all
}

fn filters() -> Vec<Value> {
    let mut all = vec![
        choice("action", Action::ALL.iter().map(|action| action.as_str()), "Entries of this action alone."),
        choice("resource_type", resource_types(), "Entries about this type of resource alone: the part of an action before its dot."),
        filter("resource_id", json!({"type": "string", "format": "uuid"}), "Entries about this resource alone."),
        filter("principal_id", json!({"type": "string"}), "Entries of this key, user or operator alone."),
    ];
    all.extend(range("Entries"));
    all
}

fn keys() -> Vec<Operation> {
    vec![
        operation("GET", "/api-keys", "list_api_keys", TAG, "List keys")
            .says("A key of test mode sees test keys alone. No list shows a key itself.")
            .query([
                choice("mode", Mode::ALL.map(Mode::as_str), "Keys of this mode alone."),
                switch("include_revoked", "Also keys that were revoked."),
            ])
            .query(paging(Some(20)))
            .query([envelope()])
            .lists("The keys.", lists::api_keys),
        operation("POST", "/api-keys", "create_api_key", TAG, "Mint a key")
            .says("The key is shown this once. It can do nothing that the caller may not.")
            .body::<ApiKeyOrder>()
            .answers::<wire::CreatedApiKey>(201, "The key. An answer that is given again (`Idempotency-Key`) carries `key: null`.")
            .refuses([Conflict]),
        operation("GET", "/api-keys/{id}", "get_api_key", TAG, "Get a key")
            .says("Its settings, and when it was last used; not the key.")
            .answers::<wire::ApiKey>(200, "The key's settings."),
        operation("PATCH", "/api-keys/{id}", "update_api_key", TAG, "Change a key")
            .says("A key that was revoked stays so.")
            .body::<ApiKeyChange>()
            .answers::<wire::ApiKey>(200, "The key's settings as they are now.")
            .refuses([Conflict]),
        operation("DELETE", "/api-keys/{id}", "delete_api_key", TAG, "Revoke a key")
            .says("It is honoured no more, after a minute at the latest.")
            .answers_nothing(204, "It is revoked; also if it was before."),
    ]
}
