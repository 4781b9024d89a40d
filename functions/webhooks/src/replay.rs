//! Replays: deliveries sent again, the same bytes under the same `webhook-id`, as a new series of attempts.
//!
//! A replay is a message that names the attempt to be made, the one after the last. Asking twice makes two equal messages,
//! of which the second comes to nothing, so a request that died halfway is simply sent again.

use api::{Born, Caller, Code, Fields, JsonBody, PathId, Problem};
use axum::{Json, extract::State};
use domain::{
    Timestamp,
    delivery::{DeliveryFilter, DeliveryState},
    endpoint::EndpointStatus,
    webhook::ReceiverId,
    wire,
};
use futures_util::future::try_join_all;
use http::StatusCode;
use queue::{OutMessage, RetryMessage};
use store::{Consistency, DeliveryWalk, LogPlace, Tenant};

use crate::{deliveries, filter};

/// The most deliveries that a request replays; the cursor of its answer goes on.
const MOST: u64 = 1_000;

/// The most deliveries that a request looks at, or counts.
const MOST_COUNTED: usize = 5_000;

/// How many deliveries are sent again each second.
const PER_SECOND: i64 = 50;

/// How far ahead messages are sent, in milliseconds: a queue holds none back for longer than 15 minutes.
const MOST_AHEAD_MILLIS: i64 = 600_000;

/// How many deliveries are noted as pending side by side: a receiver's lie in two partitions.
const NOTED_AT_ONCE: usize = 16;

/// How many parts of a replay are sent side by side.
const PARTS: usize = 4;

/// `POST /webhooks/deliveries/{id}/replay`: one delivery, whatever became of it.
pub(crate) async fn replay_delivery(
    State(state): State<crate::State>,
    caller: Caller,
    Born(birth): Born,
    PathId(id): PathId,
) -> Result<(StatusCode, Json<wire::Delivery>), Problem> {
    let (_, log) = deliveries::find(&state, &caller, &id).await?;
    if !takes(&state, caller.tenant, log.receiver).await? {
        return Err(inactive());
    }
    let replay = Replay { state: &state, tenant: caller.tenant, request: birth.name(), now: state.clock.now() };
    replay.send(std::slice::from_ref(&log), replay.now).await?;
    let (_, log) = deliveries::find(&state, &caller, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(wire::Delivery::new(&log, caller.tenant.org()))))
}

/// `POST /webhooks/replay`: the deliveries of a call, or of a receiver and a range of time.
pub(crate) async fn replay_deliveries(
    State(state): State<crate::State>,
    caller: Caller,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Json<wire::Replay>), Problem> {
    let asked = Asked::read(&mut fields)?;
    let replay = Replay { state: &state, tenant: caller.tenant, request: birth.name(), now: state.clock.now() };
    let list = format!("replay?{}", filter::name(&asked.filter));
    let start = match &asked.cursor {
        Some(cursor) => Position::read(&state.cursors.open(caller.tenant, &list, cursor).await?)?,
        None => Position::first(&asked.filter, replay.now),
    };
    let (found, next) = replay.find(&asked, start).await?;
    let (taken, skipped) = replay.takeable(found).await?;
    let sent_by = if asked.dry_run { None } else { replay.send(&taken, start.free_at.max(replay.now)).await? };
    let next_cursor = match next {
        Some(after) => {
            let position = Position { after: Some(after), free_at: sent_by.unwrap_or(start.free_at), ..start };
            Some(state.cursors.must_sign(caller.tenant, &list, &position.text()).await?)
        }
        None => None,
    };
    let status = if asked.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(wire::Replay { dry_run: asked.dry_run, count: taken.len(), skipped, sent_by, next_cursor })))
}

/// What a replay is asked for.
struct Asked {
    filter: DeliveryFilter,
    dry_run: bool,
    cursor: Option<String>,
    limit: usize,
}

impl Asked {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let names_receiver = ["endpoint_id", "subscription_id", "receiver_id"].iter().any(|name| fields.has(name));
        let names_start = ["start_date", "from_date", "from"].iter().any(|name| fields.has(name));
        let is_bounded = fields.has("call_id") || (names_receiver && names_start);
        if !is_bounded {
            fields.missing(if names_receiver { "start_date" } else { "call_id" });
        }
        let filter = filter::read(fields);
        let (dry_run, cursor) = (fields.boolean("dry_run").unwrap_or(false), fields.text("cursor"));
        let limit = fields.whole_number("limit").unwrap_or(MOST);
        if !(1..=MOST).contains(&limit) {
            fields.fault("limit", format!("must be a whole number from 1 to {MOST}"));
        }
        fields.finish()?;
        Ok(Self { filter, dry_run, cursor, limit: usize::try_from(limit).unwrap_or(usize::MAX) })
    }
}

/// Where a replay goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    after: Option<LogPlace>,
    /// Before when a delivery was frozen that is replayed: fixed at the beginning, so that the replay has an end.
    until: Timestamp,
    /// When the next one may be sent at the rate that is kept.
    free_at: Timestamp,
}

impl Position {
    fn first(filter: &DeliveryFilter, now: Timestamp) -> Self {
        let end = now.plus_millis(1);
        Self { after: None, until: filter.until.map_or(end, |until| until.min(end)), free_at: now }
    }

    fn text(self) -> String {
        let after = self.after.map_or_else(String::new, |after| after.to_string());
        format!("{} {} {after}", self.until, self.free_at)
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let foreign = || Problem::invalid(vec![domain::Invalid::new("cursor", "is none of this replay")]);
        let mut parts = text.splitn(3, ' ').map(str::to_owned);
        let mut next = || parts.next().ok_or_else(foreign);
        let (until, free_at, after) = (next()?, next()?, next()?);
        let time = |text: String| text.parse().map_err(|_| foreign());
        Ok(Self { after: Some(deliveries::place(&after)?), until: time(until)?, free_at: time(free_at)? })
    }
}

/// A replay under way.
struct Replay<'a> {
    state: &'a crate::State,
    tenant: Tenant,
    /// The request, the same at every try of it.
    request: String,
    now: Timestamp,
}

impl Replay<'_> {
    /// The next deliveries that are asked for, oldest first, and after which one the replay goes on.
    async fn find(&self, asked: &Asked, start: Position) -> Result<(Vec<DeliveryState>, Option<LogPlace>), Problem> {
        let limit = if asked.dry_run { MOST_COUNTED } else { asked.limit };
        let filter = DeliveryFilter { until: Some(start.until), ..asked.filter.clone() }.kept_at(self.now);
        let walk = DeliveryWalk { newest_first: false, after: start.after, limit, reach: MOST_COUNTED };
        let page = self.state.table.delivery_list(self.tenant, &filter, walk).await?;
        Ok((page.found, page.next))
    }

    /// Those whose receivers take deliveries now, and how many others there are.
    async fn takeable(&self, found: Vec<DeliveryState>) -> Result<(Vec<DeliveryState>, usize), Problem> {
        let receivers = receivers_of(&found);
        let asked = receivers.iter().map(|receiver| takes(self.state, self.tenant, *receiver));
        let active: Vec<bool> = try_join_all(asked).await?;
        let is_active = |receiver| receivers.iter().zip(&active).any(|(known, active)| *known == receiver && *active);
        let all = found.len();
        let taken: Vec<DeliveryState> = found.into_iter().filter(|delivery| is_active(delivery.receiver)).collect();
        let skipped = all - taken.len();
        if taken.is_empty() && skipped > 0 { Err(inactive()) } else { Ok((taken, skipped)) }
    }

    /// Sends deliveries again from a time on, at the rate that is kept; answers when the next one may be sent, `None` if there
    /// was none to be sent.
    async fn send(&self, found: &[DeliveryState], from: Timestamp) -> Result<Option<Timestamp>, Problem> {
        if from.millis_since(self.now) > MOST_AHEAD_MILLIS {
            return Err(Problem::new(Code::ServiceUnavailable, "The replay is ahead of its rate: go on with the same cursor later"));
        }
        // A try of this very request has sent the others.
        let mine: Vec<&DeliveryState> = found.iter().filter(|delivery| delivery.replayed_by.as_ref() != Some(&self.request)).collect();
        let times = (0..).map(|at: i64| from.plus_millis(at * 1_000 / PER_SECOND));
        self.close_circuits(&mine).await?;
        let messages = mine.iter().zip(times).map(|(delivery, at)| self.message(delivery, at));
        let messages: Vec<OutMessage> = messages.collect::<Result<_, _>>()?;
        let parts = messages.chunks(messages.len().div_ceil(PARTS).max(1));
        let sent = try_join_all(parts.map(|part| self.state.deliveries.send_all(part))).await;
        sent.map_err(Problem::queue_unavailable)?;
        self.show(&mine).await?;
        let sent = i64::try_from(messages.len()).unwrap_or(i64::MAX);
        Ok((sent > 0).then(|| from.plus_millis(sent.saturating_mul(1_000) / PER_SECOND)))
    }

    /// Has lists show the deliveries as pending, unless their attempts were made meanwhile.
    async fn show(&self, found: &[&DeliveryState]) -> Result<(), Problem> {
        for some in found.chunks(NOTED_AT_ONCE) {
            let noting = some.iter().map(|delivery| self.state.table.await_replay(self.tenant, delivery, &self.request));
            try_join_all(noting).await?;
        }
        Ok(())
    }

    /// Whoever asks for a replay says that the receivers are back: they get more than probes again.
    async fn close_circuits(&self, found: &[&DeliveryState]) -> Result<(), Problem> {
        let receivers = receivers_of(found.iter().copied());
        try_join_all(receivers.into_iter().map(|receiver| self.state.table.close_circuit(self.tenant, receiver))).await?;
        Ok(())
    }

    fn message(&self, delivery: &DeliveryState, at: Timestamp) -> Result<OutMessage, Problem> {
        let goes_on = RetryMessage::new(self.tenant.org(), self.tenant.mode(), delivery.place(), delivery.last() + 1);
        let message = RetryMessage { replayed_by: Some(self.request.clone()), ..goes_on };
        message.out(at.millis_since(self.now)).map_err(Problem::internal)
    }
}

/// Who gets these deliveries, each once.
fn receivers_of<'a>(found: impl IntoIterator<Item = &'a DeliveryState>) -> Vec<ReceiverId> {
    let mut receivers: Vec<ReceiverId> = Vec::new();
    for delivery in found {
        if !receivers.contains(&delivery.receiver) {
            receivers.push(delivery.receiver);
        }
    }
    receivers
}

/// Whether a receiver takes deliveries now.
async fn takes(state: &crate::State, tenant: Tenant, receiver: ReceiverId) -> Result<bool, Problem> {
    Ok(match receiver {
        ReceiverId::Endpoint(id) => {
            let endpoint = state.table.endpoint(tenant, id, Consistency::EventualIfThere).await?;
            endpoint.is_some_and(|endpoint| endpoint.status == EndpointStatus::Active)
        }
        ReceiverId::Subscription(id) => {
            let subscription = state.table.subscription(tenant, id, Consistency::EventualIfThere).await?;
            subscription.is_some_and(|subscription| subscription.active)
        }
    })
}

fn inactive() -> Problem {
    Problem::new(Code::Conflict, "The receiver is gone or not active: it takes no deliveries")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_itself() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let place = "2026-01-01T00:00:00.000Z_0198c0de-0000-8000-8000-000000000001".parse().ok();
        let position = Position { after: place, until: now, free_at: now.plus_millis(20_000) };
        assert_eq!(Position::read(&position.text()).unwrap(), position);
        assert!(Position::read("").is_err() && Position::read("a b c").is_err());
    }

    #[test]
    fn a_replay_without_an_end_ends_where_it_began() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let until = |until: Option<Timestamp>| Position::first(&DeliveryFilter { until, ..DeliveryFilter::default() }, now).until;
        assert_eq!(until(None), now.plus_millis(1));
        assert_eq!(until(Some(now.plus_millis(-5))), now.plus_millis(-5));
        assert_eq!(until(Some(now.plus_millis(5_000))), now.plus_millis(1));
    }

    #[test]
    fn a_replay_names_a_call_or_a_receiver_and_a_time() {
        let id = "0198c0de-0000-7000-8000-000000000001";
        let read = |json: String| Asked::read(&mut Fields::parse(json.as_bytes()).unwrap()).map(|asked| (asked.dry_run, asked.limit));
        assert_eq!(read(format!(r#"{{"call_id": "{id}"}}"#)).unwrap(), (false, 1_000));
        assert_eq!(read(format!(r#"{{"endpointId": "{id}", "from": "2026-01-02", "dryRun": true, "limit": 5}}"#)).unwrap(), (true, 5));
        for missing in ["{}".to_owned(), format!(r#"{{"receiver_id": "{id}"}}"#), r#"{"from": "2026-01-02"}"#.to_owned()] {
            assert_eq!(read(missing.clone()).unwrap_err().code(), Code::MissingFields, "{missing}");
        }
        for wrong in [format!(r#"{{"call_id": "{id}", "limit": 0}}"#), format!(r#"{{"call_id": "{id}", "limit": 1001}}"#)] {
            assert_eq!(read(wrong.clone()).unwrap_err().code(), Code::ValidationError, "{wrong}");
        }
    }
}
