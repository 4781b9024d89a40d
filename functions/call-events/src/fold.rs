//! The events of one call that came in one batch: one write, one count, one round of webhook work.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    CallId,
    call::{CallAlias, CallEvent, CallRecord, EventKind, Route},
};
use queue::{OutMessage, batch::Failure};
use store::{CountWork, EventWrite, RecordedEvent, Tenant};

use crate::{
    CallEvents, failure,
    gather::{Coming, Done, Gathering},
    route::Found,
};

/// The most events of one write. An update expression has at most 300 operators and 4 KB.
const MOST: usize = 25;

/// A call to which events came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) tenant: Tenant,
    pub(crate) call: CallId,
}

/// An event of a call as a message brought it.
#[derive(Debug)]
pub(crate) struct Told {
    /// The name by which its source knows the call.
    pub(crate) alias: Option<CallAlias>,
    pub(crate) event: CallEvent,
    /// Whether the message came before: nobody knows what that try has done, it may have marked the call as live.
    pub(crate) retried: bool,
}

/// What the messages of one batch do together.
#[derive(Debug, Default)]
pub(crate) struct Together {
    pub(crate) calls: Arc<Gathering<Key, Told>>,
    marks: Arc<Gathering<(), (Tenant, CallId)>>,
    counts: Arc<Gathering<Tenant, CountWork>>,
    sends: Arc<Gathering<(), Vec<OutMessage>>>,
}

/// One call's part in what the calls of a batch do together.
#[derive(Debug)]
pub(crate) struct Acts {
    marking: Coming<(), (Tenant, CallId)>,
    pub(crate) counting: Coming<Tenant, CountWork>,
    pub(crate) sending: Coming<(), Vec<OutMessage>>,
}

impl Together {
    /// A call begins.
    pub(crate) fn acts(&self) -> Acts {
        Acts { marking: self.marks.begin(), counting: self.counts.begin(), sending: self.sends.begin() }
    }
}

/// What became of a call's record.
enum Recorded {
    Stored(Written),
    /// The call was deleted, and absorbs what is told of it.
    Deleted,
    /// Nothing was written: none of the events belongs to a number of the organization.
    Refused(Refused),
}

/// The reasons for events that belong to no number of the organization, by their place.
type Refused = BTreeMap<usize, String>;

/// A call to which events were added.
pub(crate) struct Written {
    pub(crate) call: CallRecord,
    /// Whether it was, or may have been, marked as live on the way.
    pub(crate) marked: bool,
    /// The events that were not added.
    refused: Refused,
}

impl CallEvents {
    /// Adds a call's events to its record and does what follows from them. Answers each event in its place.
    pub(crate) async fn fold(&self, key: Key, all: Vec<Told>, together: &Together, acts: Acts) -> Vec<Done> {
        let mut acts = Some(acts);
        let mut done = Vec::with_capacity(all.len());
        for some in all.chunks(MOST) {
            let acts = acts.take().unwrap_or_else(|| together.acts());
            match self.fold_some(&key, some, acts).await {
                Ok(each) => done.extend(each),
                Err(Failure::Retry(cause)) => done.extend(some.iter().map(|_| Err(Failure::retry(cause.to_string())))),
                // One is too large for the call; others may not be.
                Err(Failure::Never { .. }) if some.len() > 1 => {
                    for one in some.chunks(1) {
                        done.extend(self.fold_some(&key, one, together.acts()).await.unwrap_or_else(|failure| vec![Err(failure)]));
                    }
                }
                Err(never) => done.push(Err(never)),
            }
        }
        done
    }

    async fn fold_some(&self, key: &Key, some: &[Told], acts: Acts) -> Result<Vec<Done>, Failure> {
        let Acts { marking, counting, sending } = acts;
        let refused = match self.record(key, some, marking).await? {
            Recorded::Stored(written) => {
                let events: Vec<&CallEvent> = taken(some, &written.refused).map(|told| &told.event).collect();
                self.settle(key.tenant, &written, &events, counting).await?;
                self.announce(key.tenant, &written.call, &events, sending).await?;
                written.refused
            }
            Recorded::Deleted => {
                // A try before this one may have left its marker.
                self.table.unmark_live(key.tenant, key.call).await.map_err(failure)?;
                Refused::new()
            }
            Recorded::Refused(refused) => refused,
        };
        let end = |place| refused.get(&place).map_or(Ok(()), |reason| Err(Failure::never(reason.clone())));
        Ok((0..some.len()).map(end).collect())
    }

    /// Adds the events to their call.
    ///
    /// Most events find a call that has its route: one write. The first one looks the route up before.
    async fn record(&self, key: &Key, some: &[Told], mut marking: Coming<(), (Tenant, CallId)>) -> Result<Recorded, Failure> {
        if some.iter().all(|told| told.event.kind != EventKind::Initiated) {
            marking.pass_by();
            if let Some(recorded) = self.add_if_routed(key, some).await? {
                return Ok(recorded);
            }
        }
        let (route, refused) = self.find_route_of(key.tenant, some).await?;
        // The number may have been given up since: a call that has its route keeps it.
        if !refused.is_empty()
            && let Some(recorded) = self.add_if_routed(key, some).await?
        {
            return Ok(recorded);
        }
        let taken: Vec<&Told> = taken(some, &refused).collect();
        if taken.is_empty() {
            if may_be_marked(some) {
                self.table.unmark_unknown(key.tenant, key.call).await.map_err(failure)?;
            }
            return Ok(Recorded::Refused(refused));
        }
        // The marker comes first: a call that goes on is never in no list.
        let marked = !taken.iter().any(|told| told.event.kind.is_terminal());
        if marked {
            self.note_busy(key.tenant).await?;
            marking.join((), (key.tenant, key.call), |all| self.mark_all(all)).await?;
        } else {
            marking.pass_by();
        }
        match self.write(key, &taken, route.as_ref(), EventWrite::Always).await? {
            RecordedEvent::Stored(call) => Ok(Recorded::Stored(Written { call, marked: marked || may_be_marked(some), refused })),
            RecordedEvent::Deleted => Ok(Recorded::Deleted),
            RecordedEvent::NotRouted => Err(Failure::retry("an unconditional write was refused")),
        }
    }

    /// Adds the events to a call that has its route; `None` if it has none.
    async fn add_if_routed(&self, key: &Key, some: &[Told]) -> Result<Option<Recorded>, Failure> {
        let all: Vec<&Told> = some.iter().collect();
        Ok(match self.write(key, &all, None, EventWrite::IfRouted).await? {
            RecordedEvent::Stored(call) => Some(Recorded::Stored(Written { call, marked: may_be_marked(some), refused: Refused::new() })),
            RecordedEvent::Deleted => Some(Recorded::Deleted),
            RecordedEvent::NotRouted => None,
        })
    }

    async fn write(&self, key: &Key, told: &[&Told], route: Option<&Route>, how: EventWrite) -> Result<RecordedEvent, Failure> {
        let events: Vec<&CallEvent> = told.iter().map(|told| &told.event).collect();
        let alias = told.iter().find_map(|told| told.alias.as_ref());
        self.table.record_events(key.tenant, (key.call, alias), &events, route, how).await.map_err(failure)
    }

    /// The route that the first event tells which tells one; without one, which events name what is not the organization's.
    async fn find_route_of(&self, tenant: Tenant, some: &[Told]) -> Result<(Option<Route>, Refused), Failure> {
        let mut refused = Refused::new();
        for (place, told) in some.iter().enumerate() {
            match self.find_route(tenant, &told.event).await? {
                Found::Route(route) => return Ok((Some(route), Refused::new())),
                Found::NotTold => {}
                Found::Nothing(reason) => {
                    refused.insert(place, reason);
                }
            }
        }
        Ok((None, refused))
    }
}

/// Those that were not refused.
fn taken<'a>(some: &'a [Told], refused: &Refused) -> impl Iterator<Item = &'a Told> {
    some.iter().enumerate().filter(|(place, _)| !refused.contains_key(place)).map(|(_, told)| told)
}

/// Whether a try before this one may have marked the call as live.
fn may_be_marked(some: &[Told]) -> bool {
    some.iter().any(|told| told.retried)
}
