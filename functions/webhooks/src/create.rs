//! A subscription is created, and tried out.

use api::{Audit, Born, Caller, Code, Fields, JsonBody, PathId, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{
    SubscriptionId,
    audit::Action,
    limits::Counted,
    subscription::{Subscription, SubscriptionChange},
    webhook::{EventFilter, ReceiverId, delivery_id},
    wire,
};
use http::StatusCode;
use queue::DeliveryMessage;
use serde_json::json;
use store::{Consistency, CreateSubscription};
use webhooks::guard::Guard;

use crate::{read, secrets};

/// The event that only a test sends.
const TEST_EVENT: &str = "webhook.test";

/// `POST /webhooks`: where, and which events; the signing secret is generated and shown.
pub(crate) async fn create_webhook(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Extension<ShowsSecret>, Json<wire::Subscription>), Problem> {
    if !fields.has("url") {
        fields.missing("url");
    }
    let wanted = settings(&mut fields, &state.guard).await;
    fields.finish()?;
    let url = wanted.url.ok_or_else(|| Problem::internal("a url passed as missing"))?;
    let (id, now) = (SubscriptionId::new(birth.at, birth.bytes), state.clock.now());
    let subscription = Subscription {
        id,
        url,
        events: wanted.events.unwrap_or_default(),
        active: wanted.active.unwrap_or(true),
        status_reason: None,
        secret: secrets::generate(&state, &caller, id).await?,
        previous_secret: None,
        previous_until: None,
        rotated_by: None,
        created_at: now,
        updated_at: now,
    };
    let table = audit.on(&state.table, &caller, Action::WebhookCreated, id.as_uuid());
    let subscription = match table.create_subscription(caller.tenant, &subscription).await? {
        CreateSubscription::Done => subscription,
        // An earlier try of this very request made it: its id is the same at every try.
        CreateSubscription::Exists(existing) => *existing,
        CreateSubscription::TooMany { most } => return Err(Problem::too_many(Counted::Webhooks, most)),
    };
    let shown = read::shown_whole(&state, &caller, subscription).await?;
    Ok((StatusCode::CREATED, Extension(ShowsSecret), Json(shown)))
}

/// What creators and changers send.
pub(crate) async fn settings(fields: &mut Fields, guard: &Guard) -> SubscriptionChange {
    let mut url = None;
    if let Some(text) = fields.text("url") {
        match guard.check(&text).await {
            Ok(checked) => url = Some(checked.as_str().to_owned()),
            Err(problem) => fields.fault("url", problem),
        }
    }
    let events = fields.texts("events").and_then(|entries| {
        EventFilter::parse(entries).map_err(|faults| faults.into_iter().for_each(|fault| fields.fault(&fault.field, fault.problem))).ok()
    });
    SubscriptionChange { url, events, active: fields.boolean("active") }
}

/// `POST /webhooks/{id}/test`: sends a `webhook.test` event to this subscription, whatever events it takes.
pub(crate) async fn test_webhook(
    State(state): State<crate::State>,
    caller: Caller,
    Born(birth): Born,
    PathId(id): PathId,
) -> Result<(StatusCode, Json<wire::WebhookTest>), Problem> {
    let found = state.table.subscription(caller.tenant, read::parse(&id)?, Consistency::Strong).await?;
    let subscription = found.ok_or_else(read::not_found)?;
    if !subscription.active {
        return Err(Problem::new(Code::Conflict, "The webhook is not active"));
    }
    let event_id = format!("evt_{}", domain::OutboxId::new(birth.at, birth.bytes).as_uuid().simple());
    let receiver = ReceiverId::Subscription(subscription.id);
    let delivery = delivery_id(&event_id, receiver.as_uuid());
    let (org, data) = (caller.tenant.org(), json!({"webhook": wire::Subscription::masked(subscription, caller.tenant.org())}));
    let message = DeliveryMessage {
        organization_id: org,
        mode: caller.tenant.mode(),
        delivery_id: delivery,
        receiver,
        call_id: None,
        event_id: event_id.clone(),
        event: TEST_EVENT.to_owned(),
        body: wire::Envelope::of_resource(event_id.clone(), TEST_EVENT.to_owned(), birth.at, org, data).into_body(),
    };
    state.deliveries.send_all(&[message.out().map_err(Problem::internal)?]).await.map_err(Problem::queue_unavailable)?;
    let webhook_id = format!("{}{delivery}", domain::DeliveryId::PREFIX);
    Ok((StatusCode::ACCEPTED, Json(wire::WebhookTest { success: true, event_id, event: TEST_EVENT, webhook_id })))
}
