//! The log of webhook deliveries: lists of their states, by organization, receiver and call.
//!
//! States lie in lanes, in the order of time. A receiver has two lanes, which it shares with others: its list reads two,
//! an organization's all eight. An index finds the deliveries of a call.

use std::{collections::VecDeque, fmt, str::FromStr};

use domain::{
    CallId, DeliveryId, Timestamp,
    delivery::{DeliveryFilter, DeliveryPlace, DeliveryState},
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use uuid::Uuid;

use crate::{
    access_patterns,
    error::StoreError,
    keys::{Get, Index as _, Primary, Segment, Tenant, part_of},
    table::{Consistency, Table},
};

/// How many states of a lane are read first, and at most, at a time.
const STEPS: std::ops::RangeInclusive<usize> = 6..=200;

/// How many states are read side by side.
const CONCURRENT: usize = 16;

/// One of the partitions over which an organization's deliveries are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane(u8);

/// Over how many partitions receivers are spread.
const RECEIVER_LANES: u8 = 4;

/// Over how many partitions the deliveries of one receiver are spread.
const LANES_OF_ONE: u8 = 2;

impl Lane {
    /// Every lane.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..RECEIVER_LANES * LANES_OF_ONE).map(Self)
    }

    /// The lanes of one receiver.
    pub fn of_receiver(receiver: Uuid) -> impl Iterator<Item = Self> {
        let first = last_byte(receiver) % RECEIVER_LANES * LANES_OF_ONE;
        (first..first + LANES_OF_ONE).map(Self)
    }

    /// The lane of a delivery. Fixed for ever: both ids end with bits that are random or a hash.
    #[must_use]
    pub fn of(receiver: Uuid, delivery: DeliveryId) -> Self {
        Self(last_byte(receiver) % RECEIVER_LANES * LANES_OF_ONE + last_byte(delivery.as_uuid()) % LANES_OF_ONE)
    }
}

const fn last_byte(id: Uuid) -> u8 {
    id.as_bytes()[15]
}

impl Segment for Lane {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// A delivery's place in a list: by time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    pub(crate) created_at: Timestamp,
    pub(crate) id: DeliveryId,
}

impl LogPlace {
    /// The place of a delivery.
    #[must_use]
    pub const fn of(place: DeliveryPlace) -> Self {
        Self { created_at: place.created_at, id: place.id }
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.created_at, self.id)
    }
}

/// The text is no place in a list of deliveries.
#[derive(Debug, thiserror::Error)]
#[error("must be a time and a delivery")]
pub struct NoLogPlace;

impl FromStr for LogPlace {
    type Err = NoLogPlace;

    fn from_str(text: &str) -> Result<Self, NoLogPlace> {
        let (created_at, id) = text.split_once('_').ok_or(NoLogPlace)?;
        Ok(Self { created_at: created_at.parse().map_err(|_| NoLogPlace)?, id: id.parse().map_err(|_| NoLogPlace)? })
    }
}

impl Segment for LogPlace {
    fn segment(&self) -> String {
        self.to_string()
    }
}

/// A part of a list of deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Those that the filter takes, in the list's order.
    pub found: Vec<DeliveryState>,
    /// After which one the list goes on; `None` if nothing more is found. A page that looked at as many as it may has fewer
    /// than were asked for, and goes on all the same.
    pub next: Option<LogPlace>,
}

/// How a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryWalk {
    /// The newest first, or the oldest.
    pub newest_first: bool,
    /// Where it goes on.
    pub after: Option<LogPlace>,
    /// The most that are found.
    pub limit: usize,
    /// The most that are looked at: a filter may take few of many.
    pub reach: usize,
}

impl Table {
    /// A part of the list of the deliveries that a filter takes. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn delivery_list(&self, tenant: Tenant, filter: &DeliveryFilter, walk: DeliveryWalk) -> Result<DeliveryPage, StoreError> {
        match filter.call {
            Some(call) => self.deliveries_of_call(tenant, call, filter, walk).await,
            None => self.deliveries_of_lanes(tenant, filter, walk).await,
        }
    }

    async fn deliveries_of_lanes(&self, tenant: Tenant, filter: &DeliveryFilter, walk: DeliveryWalk) -> Result<DeliveryPage, StoreError> {
        let lanes: Vec<Lane> = match filter.receiver {
            Some(receiver) => Lane::of_receiver(receiver).collect(),
            None => Lane::all().collect(),
        };
        let step = (walk.limit / lanes.len() + 1).clamp(*STEPS.start(), *STEPS.end());
        let mut runs: Vec<Run> =
            lanes.into_iter().map(|lane| Run { lane, ahead: VecDeque::new(), last: walk.after, step, ended: false }).collect();
        let (mut page, mut looked_at) = (DeliveryPage::default(), 0);
        loop {
            if page.found.len() == walk.limit && runs.iter().any(|run| run.ahead.iter().any(|state| filter.takes(state))) {
                return Ok(page);
            }
            let empty = runs.iter_mut().filter(|run| run.ahead.is_empty() && !run.ended);
            try_join_all(empty.map(|run| run.fill(self, tenant, filter, walk.newest_first))).await?;
            let Some(state) = next_of(&mut runs, walk.newest_first) else { return Ok(DeliveryPage { next: None, ..page }) };
            let place = LogPlace::of(state.place());
            if !page.takes(state, filter, walk.limit) {
                return Ok(page);
            }
            page.next = Some(place);
            looked_at += 1;
            if looked_at == walk.reach {
                let is_end = runs.iter().all(|run| run.ended && run.ahead.is_empty());
                page.next = page.next.filter(|_| !is_end);
                return Ok(page);
            }
        }
    }

    /// The index tells where the states lie; a call has few.
    async fn deliveries_of_call(
        &self,
        tenant: Tenant,
        call: CallId,
        filter: &DeliveryFilter,
        walk: DeliveryWalk,
    ) -> Result<DeliveryPage, StoreError> {
        let rows = self.all_items(self.query(access_patterns::deliveries_of(tenant.org(), tenant.mode(), call))).await?;
        let key = |row: &crate::item::Attributes, name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned();
        let rows = rows.iter().filter_map(|row| {
            let (pk, sk) = (key(row, Primary::PK)?, key(row, Primary::SK)?);
            part_of::<LogPlace>(&sk).map(|place| (place, pk, sk))
        });
        let mut rows: Vec<(LogPlace, String, String)> = rows.filter(|(place, ..)| walk.is_ahead(*place)).collect();
        if walk.newest_first {
            rows.reverse();
        }
        let mut page = DeliveryPage::default();
        let mut states = stream::iter(rows)
            .map(|(place, pk, sk)| async move { Ok((place, self.get(Get::<DeliveryState>::new(pk, sk), Consistency::Eventual).await?)) })
            .buffered(CONCURRENT);
        while let Some((place, state)) = states.try_next().await? {
            if state.is_some_and(|state| !page.takes(state, filter, walk.limit)) {
                return Ok(page);
            }
            page.next = Some(place);
        }
        Ok(DeliveryPage { next: None, ..page })
    }
}

impl DeliveryPage {
    /// Takes a state in if the filter does; false if it would, but the page is full: the list goes on with it.
    fn takes(&mut self, state: DeliveryState, filter: &DeliveryFilter, limit: usize) -> bool {
        let is_wanted = filter.takes(&state);
        let has_room = self.found.len() < limit;
        self.found.extend(Some(state).filter(|_| is_wanted && has_room));
        has_room || !is_wanted
    }
}

impl DeliveryWalk {
    fn is_ahead(&self, place: LogPlace) -> bool {
        self.after.is_none_or(|after| if self.newest_first { place < after } else { place > after })
    }
}

/// The walk through one lane.
struct Run {
    lane: Lane,
    /// What was read and not taken yet.
    ahead: VecDeque<DeliveryState>,
    /// The last one that was read.
    last: Option<LogPlace>,
    /// How many are read next.
    step: usize,
    ended: bool,
}

impl Run {
    async fn fill(&mut self, table: &Table, tenant: Tenant, filter: &DeliveryFilter, newest_first: bool) -> Result<(), StoreError> {
        let (mut from, mut until) = (filter.from.map(|from| from.to_string()), filter.until.map(|until| until.to_string()));
        if let Some(last) = self.last {
            let end = if newest_first { &mut until } else { &mut from };
            *end = Some(last.to_string());
        }
        let list = access_patterns::deliveries(tenant.org(), tenant.mode(), self.lane);
        // One more, because the last one may come again: bounds are included.
        let read = table.range(list.between(from.as_deref(), until.as_deref()), newest_first, self.step + 1).await?;
        self.ended = read.len() <= self.step;
        let places = read.last().map(|state| LogPlace::of(state.place()));
        self.ahead.extend(read.into_iter().filter(|state| Some(LogPlace::of(state.place())) != self.last));
        self.last = places.or(self.last);
        self.step = (self.step * 2).min(*STEPS.end());
        Ok(())
    }

    /// The place of the one that comes next.
    fn head(&self) -> Option<LogPlace> {
        self.ahead.front().map(|state| LogPlace::of(state.place()))
    }
}

/// Takes out the one that comes next of all lanes.
fn next_of(runs: &mut [Run], newest_first: bool) -> Option<DeliveryState> {
    let heads = runs.iter_mut().filter(|run| !run.ahead.is_empty());
    let next = if newest_first { heads.max_by_key(|run| run.head()) } else { heads.min_by_key(|run| run.head()) };
    next?.ahead.pop_front()
}

#[cfg(test)]
mod tests {
    use domain::webhook::delivery_id;

    use super::*;

    #[test]
    fn a_place_reads_back_as_itself_and_sorts_by_time() {
        let id = delivery_id("evt_1", Uuid::nil());
        let place = |text: &str| LogPlace { created_at: text.parse().unwrap(), id };
        let (earlier, later) = (place("2026-01-02T03:04:05.999Z"), place("2026-01-02T03:04:06Z"));
        assert_eq!(earlier.to_string().parse::<LogPlace>().unwrap(), earlier);
        assert!(earlier < later && earlier.to_string() < later.to_string());
        assert!("2026-01-02T03:04:05Z".parse::<LogPlace>().is_err());
    }

    #[test]
    fn the_lanes_of_a_receiver_are_those_of_its_deliveries() {
        for byte in 0..=255_u8 {
            let receiver = Uuid::from_bytes([byte; 16]);
            let lanes: Vec<Lane> = Lane::of_receiver(receiver).collect();
            assert_eq!(lanes.len(), 2);
            for n in 0..8 {
                let lane = Lane::of(receiver, delivery_id(&format!("evt_{n}"), receiver));
                assert!(lanes.contains(&lane) && Lane::all().any(|other| other == lane));
            }
        }
    }
}
