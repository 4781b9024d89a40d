//! Events of one call in one batch: one write, one count, each webhook once; and what is wrong with one is no other's harm.

use std::sync::{Arc, atomic::AtomicI64};

use call_events::CallEvents;
use domain::{
    CallId, Mode, NumberId, Timestamp,
    call::{CallEvent, CallStatus, EventKind, Facts, Parties},
    number::{NumberChange, NumberStatus},
    webhook::EventFilter,
};
use queue::{DeliveryMessage, call_event::CallEventMessage};
use runtime::{Clock, random};
use serde_json::json;
use store::{Tenant, Usage};
use testkit::{Fixture, LocalTable, costs::batch, fixture, mailbox::Mailbox};

struct World {
    local: LocalTable,
    tenant: Tenant,
    number: NumberId,
    function: CallEvents,
    work: Mailbox,
    dead: Mailbox,
}

impl World {
    /// An organization whose number rings a webhook endpoint, and a function that has seen them before.
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let (mut endpoint, slot) = (fixture::endpoint(), fixture::slot(1));
        endpoint.events = EventFilter::parse(vec!["*".to_owned()]).unwrap();
        local.table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        let number = fixture::bought(&local.table, tenant, &slot, Some(endpoint.id)).await;
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let (work, dead) = (Mailbox::new(Arc::clone(&clock)), Mailbox::new(clock));
        let function = CallEvents::new(local.table.clone(), work.sender(), dead.sender(), Clock::System);
        let world = Self { local, tenant, number: number.id, function, work, dead };
        world.tell(&[world.message(new_call(), &event("i", EventKind::Initiated))]).await;
        assert_eq!(world.work.take_all().len(), 1);
        world
    }

    /// A message that names the number.
    fn message(&self, call_id: CallId, event: &CallEvent) -> String {
        self.message_of(call_id, event, Parties { phone_number_id: Some(self.number), ..Parties::default() })
    }

    fn message_of(&self, call_id: CallId, event: &CallEvent, parties: Parties) -> String {
        let event = CallEvent { parties, ..event.clone() };
        let (organization_id, mode) = (self.tenant.org(), self.tenant.mode());
        CallEventMessage { organization_id, mode, call_id, alias: None, event }.to_json().unwrap()
    }

    /// Tells messages in one batch, all of which must be done with after it; what the table was asked for.
    async fn tell(&self, messages: &[String]) -> Usage {
        let before = self.local.table.usage();
        let answer = self.function.handle(batch(messages)).await;
        assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
        self.local.table.usage() - before
    }

    /// The events of the deliveries that are queued, in their order.
    fn queued(&self) -> Vec<(Option<CallId>, String)> {
        let letters = self.work.take_all().into_iter().map(|(body, _)| serde_json::from_str::<DeliveryMessage>(&body).unwrap());
        letters.map(|message| (message.call_id, message.event)).collect()
    }

    async fn status(&self, call: CallId) -> Option<CallStatus> {
        self.local.table.call(self.tenant, call).await.unwrap().map(|record| record.call().status)
    }
}

fn new_call() -> CallId {
    CallId::new(fixture::now(), random::bytes())
}

fn event(id: &str, kind: EventKind) -> CallEvent {
    let timestamp: Timestamp = fixture::now();
    CallEvent { id: id.parse().unwrap(), kind, timestamp, sequence: None, parties: Parties::default(), facts: Facts::default() }
}

/// A whole call, in the order of life.
fn life() -> Vec<CallEvent> {
    let kinds = [EventKind::Initiated, EventKind::Ringing, EventKind::Answered, EventKind::RecordingReady, EventKind::Completed];
    (0..).zip(kinds).map(|(n, kind)| CallEvent { sequence: Some(n), ..event(&format!("e{n}"), kind) }).collect()
}

#[tokio::test]
async fn a_whole_call_in_one_batch_is_one_write_and_tells_each_webhook_once() {
    let world = World::start().await;
    let call = new_call();
    let mut messages: Vec<String> = life().iter().map(|event| world.message(call, event)).collect();
    messages.extend_from_within(1..3);
    messages.reverse();
    let usage = world.tell(&messages).await;
    // Its number, the record, the count with its rows, and the marker that is not there. A call that is over by the end of
    // the batch is never marked.
    assert_eq!(usage.requests, 4, "{usage:?}");
    assert_eq!(world.status(call).await, Some(CallStatus::Completed));
    assert_eq!(world.queued().len(), 5);
    assert_eq!(world.tell(&messages).await.requests, 2, "again: the number and the record, which is known to be counted");
}

/// What was read may be older than a change a moment ago, and the call would ring nobody.
#[tokio::test]
async fn a_number_that_rings_nobody_is_read_once_more_as_it_is_now() {
    let world = World::start().await;
    let begun = async || world.tell(&[world.message(new_call(), &event("i", EventKind::Initiated))]).await;
    let rings = begun().await;
    let (off, detached) = (Some(NumberStatus::Inactive), Some(None));
    let changes = [
        NumberChange { status: off, ..NumberChange::default() },
        NumberChange { status: Some(NumberStatus::Active), endpoint_id: detached, ..NumberChange::default() },
    ];
    for change in changes {
        world.local.table.update_number(world.tenant, world.number, change, fixture::now(), None).await.unwrap();
        let silent = begun().await;
        assert_eq!((silent.requests, silent.read_units), (rings.requests + 1, rings.read_units + 1.0));
    }
}

#[tokio::test]
async fn calls_of_a_batch_are_written_apart_and_counted_together() {
    let world = World::start().await;
    let calls: Vec<CallId> = (0..3).map(|_| new_call()).collect();
    let life = life();
    let messages: Vec<String> = life.iter().flat_map(|event| calls.iter().map(|call| world.message(*call, event))).collect();
    let usage = world.tell(&messages).await;
    // Three numbers and records, one count, one request for the markers.
    assert_eq!(usage.requests, 8, "{usage:?}");
    for call in &calls {
        assert_eq!(world.status(*call).await, Some(CallStatus::Completed));
    }
    let mut queued = world.queued();
    let of_one = queued.iter().filter(|(of, _)| *of == Some(calls[0])).count();
    queued.sort();
    queued.dedup();
    assert_eq!((queued.len(), of_one), (15, 5));
}

#[tokio::test]
async fn an_event_of_a_stranger_is_a_dead_letter_alone_unless_its_call_has_a_route() {
    let world = World::start().await;
    let strange = Parties { phone_number_id: Some(NumberId::new(fixture::now(), random::bytes())), ..Parties::default() };
    let [ringing, answered] = [event("r", EventKind::Ringing), event("a", EventKind::Answered)];
    let (unrouted, routed) = (new_call(), new_call());
    let untold = world.message_of(unrouted, &ringing, Parties::default());
    world.tell(&[world.message_of(unrouted, &answered, strange.clone()), untold]).await;
    assert_eq!((world.status(unrouted).await, world.dead.len()), (Some(CallStatus::Ringing), 1));
    world.tell(&[world.message_of(routed, &answered, strange.clone()), world.message(routed, &ringing)]).await;
    assert_eq!((world.status(routed).await, world.dead.len()), (Some(CallStatus::InProgress), 1));
    let nobodys = new_call();
    world.tell(&[world.message_of(nobodys, &answered, strange.clone()), world.message_of(nobodys, &ringing, strange)]).await;
    assert_eq!((world.status(nobodys).await, world.dead.len()), (None, 3));
}

#[tokio::test]
async fn an_event_for_which_a_full_record_has_no_room_keeps_no_other_of_its_batch_out() {
    let world = World::start().await;
    let call = new_call();
    let filling = |id: &str, bytes: usize| {
        let metadata = json!({"filling": "x".repeat(bytes)}).as_object().cloned();
        CallEvent { facts: Facts { metadata, ..Facts::default() }, ..event(id, EventKind::Ringing) }
    };
    // Written by hundreds, as a batching window brings them.
    let fill: Vec<String> = (0..110).map(|n| world.message(call, &filling(&format!("f{n}"), 3_900))).collect();
    world.tell(&fill).await;
    let written = 110 - world.dead.take_all().len();
    assert!((95..106).contains(&written), "{written}");
    let last = [filling("large", 3_900), event("small", EventKind::Answered)];
    world.tell(&last.map(|event| world.message(call, &event))).await;
    assert_eq!((world.status(call).await, world.dead.len()), (Some(CallStatus::InProgress), 1));
}
