//! An example of every schema: one small world, in which ids, numbers and times fit together.
//!
//! A test validates each against its schema, which knows every field that an answer has.

use serde_json::{Map, Value, json};

const ORGANIZATION: &str = "0198c0de-0000-7000-8000-0000000000a1";
const NUMBER: &str = "0198c0de-0000-7000-8000-000000000001";
const INVENTORY: &str = "00000000-2348-8300-8000-000000000001";
const ENDPOINT: &str = "0198c0de-0000-7000-8000-0000000000e1";
const WEBHOOK: &str = "0198c0de-0000-7000-8000-0000000000f1";
const CREDENTIAL: &str = "0198c0de-0000-7000-8000-0000000000c1";
const KEY: &str = "0198c0de-0000-7000-8000-0000000000d1";
const DELIVERY: &str = "5c0ffee0-0000-8000-8000-000000000001";
const CALL: &str = "019b7ca5-3408-7000-8000-00000000c001";
const EVENT: &str = "evt_5c0ffee0000080008000000000000002";
const E164: &str = "+2348030000001";
const CALLER: &str = "+14155550100";
const CREATED: &str = "2026-01-02T03:04:05.000Z";
const CHANGED: &str = "2026-01-02T03:05:00.000Z";

/// The example of a schema, `None` if nobody gave one.
pub(crate) fn of(schema: &str) -> Option<Value> {
    numbers(schema)
        .or_else(|| endpoints(schema))
        .or_else(|| calls(schema))
        .or_else(|| events(schema))
        .or_else(|| webhooks(schema))
        .or_else(|| telephony(schema))
        .or_else(|| keys(schema))
        .or_else(|| routing(schema))
        .or_else(|| orders(schema))
        .or_else(|| changes(schema))
        .or_else(|| problems(schema))
        .or_else(|| lists(schema))
        .or_else(|| names(schema))
}

/// An object with more fields.
fn with(object: Value, more: Value) -> Value {
    let fields = [object, more].into_iter().flat_map(|part| part.as_object().cloned().unwrap_or_default());
    json!(fields.collect::<Map<_, _>>())
}

fn numbers(schema: &str) -> Option<Value> {
    let price = || json!({"setup_cost_cents": 100, "monthly_cost_cents": 250});
    Some(match schema {
        "Number" => with(
            json!({
                "id": NUMBER, "e164": E164, "number": E164, "country": "NG", "type": "mobile", "status": "active", "endpoint_id": ENDPOINT,
                "agent_id": null, "allow_inbound": true, "allow_outbound": false, "sip_uri": format!("sip:{E164}@sip.example.com"),
                "source": "inventory", "provider": null, "credentials_id": null, "organization_id": ORGANIZATION, "created_at": CREATED,
                "updated_at": CHANGED, "released_at": null,
            }),
            price(),
        ),
        "PurchasedNumber" => with(of("Number")?, json!({"total_cost_cents": 350})),
        "NumberDetail" => with(of("Number")?, json!({"endpoint": of("EndpointSummary")?, "sip_credentials": of("SipCredentials")?})),
        "SipCredentials" => json!({"domain": "sip.example.com", "transport": "tls", "port": 5061, "username": E164, "password": null}),
        "AvailableNumber" => with(
            json!({
                "id": INVENTORY, "inventory_id": INVENTORY, "e164": E164, "number": E164, "country": "NG", "type": "mobile", "region": "Lagos",
                "capabilities": of("Capabilities")?, "total_cost_cents": 350,
            }),
            price(),
        ),
        "Capabilities" => json!({"voice": true, "sms": false, "fax": false}),
        "ReleasedNumber" => json!({"success": true, "id": NUMBER, "e164": E164, "status": "inactive"}),
        _ => return None,
    })
}

fn endpoints(schema: &str) -> Option<Value> {
    let url = format!("sip:{E164}@sip.retellai.com;transport=tcp");
    Some(match schema {
        "Endpoint" => json!({
            "id": ENDPOINT, "name": "Front desk", "type": "retell", "provider": "retell", "kind": "agent", "url": url, "status": "active",
            "status_reason": null, "provider_config": {"provider": "retell", "agent_id": "agent_1"}, "phone_numbers_count": 1, "events": ["*"],
            "organization_id": ORGANIZATION, "created_at": CREATED, "updated_at": CHANGED,
        }),
        "EndpointSummary" => {
            json!({"id": ENDPOINT, "name": "Front desk", "type": "retell", "provider": "retell", "url": url, "status": "active"})
        }
        "ProviderConfig" => json!({"agent_id": "agent_1"}),
        _ => return None,
    })
}

fn calls(schema: &str) -> Option<Value> {
    let day = || {
        json!({
            "date": "2026-01-02", "total": 1, "inbound": 1, "outbound": 0, "completed": 1, "failed": 0, "busy": 0, "no_answer": 0,
            "total_duration": 30, "total_cost": 0.75,
        })
    };
    Some(match schema {
        "Call" => json!({
            "id": CALL, "from_number": CALLER, "to_number": E164, "direction": "inbound", "status": "completed", "duration": 30, "cost": 0.75,
            "cost_cents": 1, "latency_ms": 320, "phone_number_id": NUMBER, "endpoint_id": ENDPOINT, "recording_url": null,
            "hangup_cause": "NORMAL_CLEARING", "hangup_reason": "user_hangup", "carrier": "twilio", "carrier_call_id": "CA1", "metadata": {},
            "organization_id": ORGANIZATION, "created_at": CREATED, "answered_at": "2026-01-02T03:04:09.500Z",
            "completed_at": "2026-01-02T03:04:39.500Z", "transcript": null, "has_transcript": false,
        }),
        "CallWebhookData" => with(of("Call")?, json!({"call_id": CALL})),
        "CallDetail" => with(of("Call")?, json!({"events": [of("TimelineEvent")?]})),
        "CallList" => json!({"data": [of("Call")?], "total": 1, "page": 1, "limit": 20, "total_pages": 1, "next_cursor": null}),
        "CallEventList" => json!({"data": [of("TimelineEvent")?], "total": 1}),
        "CallStats" => json!({
            "total": 1, "by_status": {"initiated": 0, "ringing": 0, "in_progress": 0, "completed": 1, "failed": 0, "busy": 0, "no_answer": 0},
            "by_direction": {"inbound": 1, "outbound": 0}, "total_duration": 30, "average_duration": 30.0, "total_cost": 0.75,
            "total_cost_micro_cents": 750_000, "answer_rate": 1.0, "start_date": null, "end_date": null,
        }),
        "CallTrends" => json!({"data": [day()], "start_date": "2026-01-02", "end_date": "2026-01-02"}),
        "TrendDay" => day(),
        _ => return None,
    })
}

fn events(schema: &str) -> Option<Value> {
    let parties = || json!({"from_number": CALLER, "to_number": E164, "direction": "inbound"});
    Some(match schema {
        "TimelineEvent" => json!({"id": "1", "type": "call.initiated", "timestamp": CREATED, "data": parties(), "ignored": false}),
        "CallEventData" => with(parties(), json!({"duration": 30, "hangup_cause": "NORMAL_CLEARING"})),
        "Parties" | "CallEventMessageData" => parties(),
        "CallEventMessageCount" => json!(30),
        "CallEventMessage" => json!({
            "id": "1", "type": "call.initiated", "timestamp": "2026-01-02T03:04:05Z", "organization_id": ORGANIZATION, "call_id": CALL, "data": parties(),
        }),
        "SimulatedCall" => {
            json!({"call_id": CALL, "id": CALL, "script": "answered", "status": "completed", "events": [of("SimulatedEvent")?]})
        }
        "SimulatedEvent" => json!({"id": "1", "type": "call.initiated", "timestamp": CREATED}),
        _ => return None,
    })
}

fn webhooks(schema: &str) -> Option<Value> {
    Some(match schema {
        "Subscription" => json!({
            "id": WEBHOOK, "url": "https://hooks.example.com/trunkline", "events": ["call.*"], "active": true, "status": "active", "status_reason": null,
            "secret": "whsec_********", "organization_id": ORGANIZATION, "created_at": CREATED, "updated_at": CHANGED,
        }),
        "WebhookTest" => json!({"success": true, "event_id": EVENT, "event": "webhook.test", "webhook_id": format!("dlv_{DELIVERY}")}),
        "Delivery" => json!({
            "id": DELIVERY, "webhook_id": format!("dlv_{DELIVERY}"), "event": "call.completed", "status": "delivered", "status_reason": null,
            "endpoint_id": null, "subscription_id": WEBHOOK, "call_id": CALL, "attempts_count": 1, "last_attempt": of("Attempt")?,
            "next_attempt_at": null, "organization_id": ORGANIZATION, "created_at": CREATED, "expires_at": "2026-02-01T03:04:05.000Z",
        }),
        "Attempt" => json!({"number": 1, "timestamp": CHANGED, "status": 200, "error": null, "duration_ms": 84, "answer": "ok"}),
        "DeliveryDetail" => with(of("Delivery")?, json!({"attempts": [of("Attempt")?], "body": "{\"id\":\"evt_…\"}"})),
        "Replay" => json!({"dry_run": false, "count": 2, "skipped": 0, "sent_by": CHANGED, "next_cursor": null}),
        "Envelope" => json!({
            "id": EVENT, "event": "call.completed", "timestamp": CREATED, "created_at": CREATED, "organization_id": ORGANIZATION, "data": {},
        }),
        "ReceiverNotice" => json!({
            "endpoint_id": null, "subscription_id": WEBHOOK, "url": "https://hooks.example.com/trunkline", "status": "active", "status_reason": null,
            "failing_since": CREATED, "failures": 12, "percent": 50, "disables_at": "2026-01-07T03:04:05.000Z",
        }),
        "RouteAnswer" => json!({"action": "dial", "sip_uri": "sip:desk@pbx.example.com"}),
        _ => return None,
    })
}

fn telephony(schema: &str) -> Option<Value> {
    let callbacks = || {
        let door = "https://api.example.com/carriers/vobiz/0000";
        json!({"voice_url": format!("{door}/voice"), "status_url": format!("{door}/status")})
    };
    Some(match schema {
        "CarrierCredential" => json!({
            "id": CREDENTIAL, "provider": "vobiz", "label": "Main", "key_hint": "nt-1", "numbers_count": 1, "created_at": CREATED, "updated_at": CHANGED,
        }),
        "CallbackUrls" => callbacks(),
        "CreatedCredential" => with(json!({"id": CREDENTIAL, "provider": "vobiz", "label": "Main", "created_at": CREATED}), callbacks()),
        "RotatedCallbacks" => with(json!({"id": CREDENTIAL}), callbacks()),
        "CarrierNumber" => json!({
            "id": NUMBER, "e164": E164, "provider": "vobiz", "credentials_id": CREDENTIAL, "agent_id": null, "inbound_enabled": true,
            "outbound_enabled": true, "created_at": CREATED, "updated_at": CHANGED,
        }),
        "RegisteredNumber" => {
            json!({"id": NUMBER, "e164": E164, "provider": "vobiz", "credentials_id": CREDENTIAL, "agent_id": "", "created_at": CREATED})
        }
        _ => return None,
    })
}

fn keys(schema: &str) -> Option<Value> {
    Some(match schema {
        "ApiKey" => json!({
            "id": KEY, "name": "Dashboard", "mode": "live", "scopes": ["calls:read", "numbers:read"], "allowed_ips": ["203.0.113.0/24"], "hint": "1bPIwK",
            "status": "active", "organization_id": ORGANIZATION, "expires_at": null, "last_used_at": CHANGED, "created_at": CREATED,
            "updated_at": CREATED, "revoked_at": null,
        }),
        "CreatedApiKey" => with(of("ApiKey")?, json!({"key": "kros_live_EXAMPLEKEYFOREVENTFILESONLY0001bPIwK"})),
        "Organization" => json!({"id": ORGANIZATION, "name": "Example", "role": "owner", "created_at": CREATED, "member_since": CREATED}),
        "AuditEntry" => json!({
            "id": "0198c0de-0000-7000-8000-0000000000b1", "at": CREATED, "action": "endpoint.created", "resource": of("AuditResource")?,
            "principal": of("AuditPrincipal")?, "ip": "203.0.113.7", "request_id": "JKJaXmPLvHcESHA=", "changes": [], "organization_id": ORGANIZATION,
        }),
        "AuditResource" => json!({"type": "endpoint", "id": ENDPOINT}),
        "AuditPrincipal" => json!({"type": "key", "id": KEY, "name": null}),
        _ => return None,
    })
}

fn routing(schema: &str) -> Option<Value> {
    Some(match schema {
        "RouteExplanation" => json!({
            "phone_number_id": NUMBER, "endpoint_id": ENDPOINT, "provider": "twilio", "action": "dial", "reason": null,
            "sip_uri": format!("sip:{E164}@sip.retellai.com;transport=tcp"), "url": null, "steps": [of("RouteStep")?], "xml": "<Response>…</Response>",
        }),
        "RouteStep" => json!({"rule": "number_held", "description": "The organization holds the number", "passed": true}),
        "ResolvedRoute" => json!({
            "action": "dial", "reason": null, "note": null, "sip_uri": "sip:desk@pbx.example.com", "number": null, "username": "desk", "password": null,
            "headers": {}, "organization_id": ORGANIZATION, "phone_number_id": NUMBER, "endpoint_id": ENDPOINT,
        }),
        "RouteQuestion" => json!({"to": E164, "from": CALLER}),
        "ResolveQuestion" => json!({"to": E164, "from": CALLER, "call_id": "edge-1"}),
        _ => return None,
    })
}

fn orders(schema: &str) -> Option<Value> {
    Some(match schema {
        "NumberOrder" => json!({"e164": E164, "country": "NG", "type": "mobile", "endpoint_id": ENDPOINT, "total_cost_cents": 350}),
        "EndpointOrder" => json!({"name": "Front desk", "type": "retell", "provider_config": {"agent_id": "agent_1"}}),
        "WebhookOrder" => json!({"url": "https://hooks.example.com/trunkline", "events": ["call.*"]}),
        "ReplayOrder" => json!({"subscription_id": WEBHOOK, "start_date": "2026-01-01", "dry_run": true}),
        "Simulation" => json!({"script": "answered", "to": E164}),
        "CarrierCredentialOrder" => json!({"provider": "vobiz", "label": "Main", "credentials": of("CarrierAccount")?}),
        "CarrierAccount" => json!({"auth_id": "account-1", "auth_token": "a token of yours"}),
        "CarrierNumberOrder" => json!({"e164": E164, "provider": "vobiz", "credentials_id": CREDENTIAL}),
        "ApiKeyOrder" => json!({"name": "Dashboard", "scopes": ["calls:read", "numbers:read"], "allowed_ips": ["203.0.113.0/24"]}),
        _ => return None,
    })
}

fn changes(schema: &str) -> Option<Value> {
    Some(match schema {
        "NumberChange" => json!({"endpoint_id": ENDPOINT, "allow_outbound": true}),
        "EndpointChange" => json!({"name": "Front desk", "status": "inactive"}),
        "WebhookChange" => json!({"events": ["call.completed", "recording.ready"]}),
        "CarrierCredentialChange" => json!({"label": "Main"}),
        "CarrierNumberPin" => json!({"agent_id": ENDPOINT}),
        "ApiKeyChange" => json!({"name": "Dashboard", "allowed_ips": null}),
        _ => return None,
    })
}

fn problems(schema: &str) -> Option<Value> {
    let fault = || json!({"field": "limit", "problem": "must be a whole number from 1 to 100"});
    let details = || json!({"errors": [fault()]});
    Some(match schema {
        "Problem" => {
            let error = "limit: must be a whole number from 1 to 100";
            json!({"error": error, "code": "VALIDATION_ERROR", "details": details(), "request_id": "JKJaXmPLvHcESHA="})
        }
        "ProblemDetails" => details(),
        "Fault" => fault(),
        _ => return None,
    })
}

fn lists(schema: &str) -> Option<Value> {
    let envelope = |field: &str, item: &str| Some(json!({field: [of(item)?], "total": 1, "limit": 20, "offset": 0, "next_cursor": null}));
    let twice = |field: &str, item: &str| Some(json!({field: [of(item)?], "data": [of(item)?], "total": 1, "next_cursor": null}));
    let walked = |item: &str| Some(json!({"data": [of(item)?], "limit": 20, "next_cursor": null}));
    match schema {
        "NumberList" => envelope("phone_numbers", "Number"),
        "AvailableNumberList" => envelope("phone_numbers", "AvailableNumber"),
        "EndpointList" => envelope("endpoints", "Endpoint"),
        "WebhookList" => envelope("webhooks", "Subscription"),
        "ApiKeyList" => envelope("api_keys", "ApiKey"),
        "CarrierNumberList" => twice("numbers", "CarrierNumber"),
        "CarrierCredentialList" => twice("providers", "CarrierCredential"),
        "DeliveryList" => walked("Delivery"),
        "AuditList" => walked("AuditEntry"),
        _ => None,
    }
}

fn names(schema: &str) -> Option<Value> {
    let name = match schema {
        "CallStatus" => "completed",
        "Carrier" => "twilio",
        "Direction" => "inbound",
        "EndpointStatus" | "NumberStatus" => "active",
        "HangupReason" => "user_hangup",
        "Mode" => "live",
        "NumberSource" => "inventory",
        "NumberType" => "mobile",
        "Provider" => "retell",
        "Role" => "owner",
        "Scope" => "calls:read",
        _ => return None,
    };
    Some(name.into())
}
