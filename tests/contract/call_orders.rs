//! The event function under any order, any repetition and any split into batches: records, timelines, lists, counters and
//! the set of webhooks are those of a plain computation.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, atomic::AtomicI64},
};

use call_events::CallEvents;
use domain::{
    CallId, DeliveryId, EndpointId, Mode, NumberId,
    call::{CallEvent, CallRecord, CallStatus, EventKind, Facts, Parties, Route, apply},
    stats::{Breakdown, CallFilter},
    webhook::{delivery_id, event_id},
};
use queue::{DeliveryMessage, call_event::CallEventMessage};
use runtime::Clock;
use store::{Start, Tenant};
use testkit::{Fixture, LocalTable, costs::batch, fixture, load::Dice, mailbox::Mailbox};

/// How many histories are played, unless `TRUNKLINE_HISTORIES` says from which to which, as `0..10000` does. Each has its
/// own seed, which a failure names.
const HISTORIES: Range<u64> = 0..150;

/// How many of them share a table.
const TABLE: u64 = 100;

fn histories() -> Range<u64> {
    let Some(told) = runtime::env::optional("TRUNKLINE_HISTORIES") else { return HISTORIES };
    let (from, to) = told.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

/// The kinds of events, those that end a call more often than they come in life.
const KINDS: [EventKind; 9] = [
    EventKind::Initiated,
    EventKind::Ringing,
    EventKind::Answered,
    EventKind::Completed,
    EventKind::Completed,
    EventKind::Failed,
    EventKind::Failed,
    EventKind::RecordingReady,
    EventKind::TranscriptReady,
];

/// An organization with a number that rings an endpoint, and calls of which any events are told.
struct Case {
    tenant: Tenant,
    number: NumberId,
    endpoint: EndpointId,
    calls: Vec<CallRecord>,
}

impl Case {
    async fn new(local: &LocalTable, dice: &mut Dice) -> Self {
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let (endpoint, slot) = (fixture::endpoint(), fixture::slot(u32::try_from(dice.below(9_000_000)).unwrap()));
        local.table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        let number = fixture::bought(&local.table, tenant, &slot, Some(endpoint.id)).await;
        // Mostly few calls, sometimes twenty.
        let most = 1 + dice.below(20);
        let count = 1 + dice.below(most);
        let calls = (0..count).map(|_| call(dice, number.id)).collect();
        Self { tenant, number: number.id, endpoint: endpoint.id, calls }
    }

    /// Every event as a message, some several times, in any order.
    fn messages(&self, dice: &mut Dice) -> Vec<String> {
        let mut bodies = Vec::new();
        for call in &self.calls {
            for event in call.events.values() {
                let (organization_id, mode) = (self.tenant.org(), self.tenant.mode());
                let message = CallEventMessage { organization_id, mode, call_id: call.id, alias: None, event: event.clone() };
                let times = usize::try_from(1 + dice.below(3) / 2 * (1 + dice.below(2))).unwrap();
                bodies.extend(vec![message.to_json().unwrap(); times]);
            }
        }
        dice.shuffled(bodies)
    }

    /// The calls as they must be, with the route that each of them finds.
    fn expected(&self) -> Vec<CallRecord> {
        let route = |call: &CallRecord| Route {
            number_id: self.number,
            endpoint_id: Some(self.endpoint),
            found_by: call.events.keys().next().unwrap().clone(),
        };
        self.calls.iter().map(|call| CallRecord { route: Some(route(call)), ..call.clone() }).collect()
    }

    async fn is_exact(&self, local: &LocalTable, mailbox: &Mailbox, seed: u64) {
        let (table, all) = (&local.table, CallFilter::default());
        let mut sums = Breakdown::default();
        let mut owed: BTreeSet<DeliveryId> = BTreeSet::new();
        for expected in self.expected() {
            let stored = table.call(self.tenant, expected.id).await.unwrap().unwrap();
            assert_eq!(stored.events, expected.events, "seed {seed}");
            assert_eq!(stored.call(), expected.call(), "seed {seed}");
            assert_eq!(stored.timeline(), expected.timeline(), "seed {seed}");
            sums.count(&expected.call().counted());
            let ids = expected.events.keys().map(|event| event_id(self.tenant.org(), self.tenant.mode(), expected.id, event.as_str()));
            owed.extend(ids.map(|id| delivery_id(&id, self.endpoint.as_uuid())));
        }
        assert_eq!(table.call_sums(self.tenant, &all).await.unwrap(), sums, "seed {seed}");
        let page = table.call_list(self.tenant, &all, Start::Offset(0), 100).await.unwrap();
        assert_eq!((page.total, page.calls.len()), (self.calls.len() as u64, self.calls.len()), "seed {seed}");
        let differences = table.verify_calls(self.tenant, false, |_| {}).await.unwrap();
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}");
        let queued = mailbox.take(usize::MAX);
        let queued: BTreeSet<DeliveryId> =
            queued.iter().map(|body| serde_json::from_str::<DeliveryMessage>(body).unwrap().delivery_id).collect();
        assert_eq!(queued, owed, "seed {seed}");
    }
}

/// A call of one to nine events of any kind, at few instants, so that ties and contradictions are common. The first names
/// the number; others do or do not.
fn call(dice: &mut Dice, number: NumberId) -> CallRecord {
    let began = fixture::now().plus_millis(-i64::try_from(dice.below(3 * 86_400_000)).unwrap());
    let mut record = CallRecord::new(CallId::new(began, dice.bytes()));
    for at in 0..=dice.below(9) {
        let kind = KINDS[usize::try_from(dice.below(9)).unwrap()].clone();
        let told = at == 0 || dice.below(2) == 0;
        let facts = Facts {
            status: (dice.below(3) == 0).then_some(CallStatus::Busy),
            duration: (dice.below(2) == 0).then(|| u32::try_from(dice.below(90)).unwrap()),
            cost_micro_cents: (dice.below(2) == 0).then(|| dice.below(9_000_000)),
            ..Facts::default()
        };
        let event = CallEvent {
            id: format!("e{at}").parse().unwrap(),
            kind,
            timestamp: began.plus_millis(i64::try_from(dice.below(5)).unwrap() * 1_000),
            sequence: (dice.below(2) == 0).then(|| i64::try_from(dice.below(3)).unwrap()),
            parties: Parties { phone_number_id: told.then_some(number), ..Parties::default() },
            facts,
        };
        apply(&mut record, event);
    }
    record
}

#[tokio::test]
async fn any_order_repetition_and_split_into_batches_ends_the_same() {
    let mut local = LocalTable::start().await;
    for seed in histories() {
        // A table with thousands of organizations is slow here.
        if seed % TABLE == 0 {
            local = LocalTable::start().await;
        }
        let mut dice = Dice::new(seed);
        let case = Case::new(&local, &mut dice).await;
        let mailbox = Mailbox::new(Arc::new(AtomicI64::new(fixture::now().as_millis())));
        let function = CallEvents::new(local.table.clone(), mailbox.sender(), fixture::nowhere(), Clock::System);
        let mut bodies = case.messages(&mut dice);
        while !bodies.is_empty() {
            let most = usize::try_from(1 + dice.below(10)).unwrap();
            let rest = bodies.split_off(bodies.len().min(most));
            let answer = function.handle(batch(&bodies)).await;
            // What comes back comes again, later.
            let again = answer.batch_item_failures.iter().map(|failed| {
                let at = failed.item_identifier.strip_prefix("message-").unwrap();
                bodies[at.parse::<usize>().unwrap()].clone()
            });
            bodies = rest.into_iter().chain(again).collect();
        }
        case.is_exact(&local, &mailbox, seed).await;
    }
}
