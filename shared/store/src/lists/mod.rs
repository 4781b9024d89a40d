//! Lists, sums and trends of calls: exact for every filter, at a cost that history does not change.
//!
//! Ended calls lie in one partition in the order of their ids, which is the order in which they began; counter rows tell
//! how many of them lie in any stretch of time, so that a page far down is found without reading what is above it. Calls
//! that go on lie elsewhere and are merged in. Eventually consistent.

mod blocks;
mod entry;
mod reach;
mod walk;

use std::collections::BTreeMap;

use domain::{
    CallId, Day, Timestamp,
    call::Call,
    stats::{Breakdown, CallFilter},
};
use futures_util::future::{try_join, try_join_all, try_join3};

use crate::{
    access_patterns,
    counts::{Counters, added},
    error::StoreError,
    keys::{Bound, Tenant},
    table::{Consistency, Table},
};

pub use entry::ListedCall;
pub(crate) use entry::{BODY, COUNTED, MADE_FROM};
use reach::Reach;

/// The most entries that one query asks for.
const LONGEST_STEP: usize = 1_000;

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After so many of the newest calls.
    Offset(u64),
    /// After this call: whatever has come since does not move the page.
    After(CallId),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct CallPage {
    /// The calls, newest first, without the text of transcripts.
    pub calls: Vec<Call>,
    /// How many calls the filter takes in all.
    pub total: u64,
    /// After which call the next page begins; `None` if the list ends with this one. A call that is only just coming or
    /// going may be missing among the calls, and the list goes on all the same.
    pub next: Option<CallId>,
}

/// A call that goes on, as far as it had to be read.
#[derive(Debug, Clone)]
pub(crate) struct LiveEntry {
    pub(crate) id: CallId,
    pub(crate) call: Option<Call>,
}

impl LiveEntry {
    pub(crate) fn time(&self) -> Timestamp {
        self.id.time().unwrap_or(Timestamp::EPOCH)
    }
}

/// Which calls that go on have to be read, and which need only be known of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Ids,
    Records,
}

impl Table {
    /// The sums over the calls that a filter takes.
    ///
    /// A range whose ends are no midnights reads the calls of the day in which an end lies.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn call_sums(&self, tenant: Tenant, filter: &CallFilter) -> Result<Breakdown, StoreError> {
        let reach = Reach::of(filter);
        let live = self.live_taken(tenant, filter, Wanted::Records);
        let ended = try_join(self.sums_of_days(tenant, filter, &reach), self.edges(tenant, filter, &reach));
        let (live, (days, edges)) = Box::pin(try_join(live, ended)).await?;
        let mut sums = days.kept(filter);
        let live = live.into_iter().filter_map(|entry| entry.call);
        edges.into_iter().flatten().chain(live).for_each(|call| sums.count(&call.counted()));
        Ok(sums)
    }

    /// How many ended calls an organization has, by one read.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn ended_calls(&self, tenant: Tenant) -> Result<i64, StoreError> {
        Ok(added(&Counters::of(tenant, &CallFilter::default()).years(self).await?).calls())
    }

    /// The sums over the calls that a filter takes, by the day on which they began; days without calls are left out. The
    /// filter must have both ends.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn call_trends(&self, tenant: Tenant, filter: &CallFilter) -> Result<BTreeMap<Day, Breakdown>, StoreError> {
        let reach = Reach::of(filter);
        let rows = async {
            let Some((Some(first), Some(end))) = reach.days.filter(|_| filter.wants_ended()) else { return Ok(Vec::new()) };
            Counters::of(tenant, filter).days(self, first, end).await
        };
        let live = self.live_taken(tenant, filter, Wanted::Records);
        let (rows, edges, live) = Box::pin(try_join3(rows, self.edges(tenant, filter, &reach), live)).await?;
        let mut days: BTreeMap<Day, Breakdown> = BTreeMap::new();
        for row in rows {
            *days.entry(row.day()).or_default() += &row.breakdown().kept(filter);
        }
        let live = live.into_iter().filter_map(|entry| entry.call);
        for call in edges.into_iter().flatten().chain(live) {
            days.entry(Day::of(call.id.time().unwrap_or(call.created_at))).or_default().count(&call.counted());
        }
        Ok(days)
    }

    /// The sums of the whole days in reach: of whole years by their rows, of the rest by the rows of days.
    async fn sums_of_days(&self, tenant: Tenant, filter: &CallFilter, reach: &Reach) -> Result<Breakdown, StoreError> {
        let Some(days) = reach.days.filter(|_| filter.wants_ended()) else { return Ok(Breakdown::default()) };
        let counters = Counters::of(tenant, filter);
        let (years, rest) = Reach::in_years(days);
        let whole = async {
            let Some((first, last)) = years else { return Ok(Vec::new()) };
            let mut rows = counters.years(self).await?;
            rows.retain(|row| (first..=last).contains(&row.year()));
            Ok::<_, StoreError>(rows)
        };
        let parts = try_join_all(rest.into_iter().map(|(first, end)| counters.days(self, first, end)));
        let (whole, parts) = try_join(whole, parts).await?;
        let mut sums = added(&whole);
        parts.iter().for_each(|rows| sums += &added(rows));
        Ok(sums)
    }

    /// The ended calls that a filter takes at the edges of its reach, which are no whole days; one list for each edge.
    async fn edges(&self, tenant: Tenant, filter: &CallFilter, reach: &Reach) -> Result<Vec<Vec<Call>>, StoreError> {
        let edges = if filter.wants_ended() { reach.edges.as_slice() } else { &[] };
        let read = edges.iter().map(|(from, until)| {
            let span = (Some(Bound::at(*from)), Some(Bound::at(*until)));
            self.taken(tenant, filter, span, usize::MAX, 1_000)
        });
        try_join_all(read).await
    }

    /// The calls that go on and that a filter takes, newest first.
    async fn live_taken(&self, tenant: Tenant, filter: &CallFilter, wanted: Wanted) -> Result<Vec<LiveEntry>, StoreError> {
        if !filter.wants_live() {
            return Ok(Vec::new());
        }
        let mut ids = self.live_ids(tenant).await?;
        ids.retain(|id| filter.covers(id.time().unwrap_or(Timestamp::EPOCH)));
        if wanted == Wanted::Ids {
            return Ok(ids.into_iter().map(|id| LiveEntry { id, call: None }).collect());
        }
        let mut live = Vec::new();
        for record in self.records(tenant, &ids).await? {
            let call = Call { transcript: None, ..record.call() };
            // One that is over is being counted at this moment: its marker goes after its entry came.
            if filter.takes(call.id, &call.counted()) && !(record.is_over() && self.is_listed(tenant, call.id).await?) {
                live.push(LiveEntry { id: call.id, call: Some(call) });
            }
        }
        Ok(live)
    }

    async fn is_listed(&self, tenant: Tenant, id: CallId) -> Result<bool, StoreError> {
        Ok(self.get(access_patterns::listed_call(tenant.org(), tenant.mode(), id), Consistency::Strong).await?.is_some())
    }

    /// Ended calls that a filter takes, the newest `need` of a stretch of the list, read `step` by `step`.
    async fn taken(
        &self,
        tenant: Tenant,
        filter: &CallFilter,
        (from, mut until): (Option<Bound>, Option<Bound>),
        need: usize,
        mut step: usize,
    ) -> Result<Vec<Call>, StoreError> {
        let mut calls = Vec::new();
        loop {
            let list = access_patterns::listed_calls(tenant.org(), tenant.mode());
            let span = list.between(from.as_ref().map(Bound::as_str), until.as_ref().map(Bound::as_str));
            let entries = self.range(span, true, step).await?;
            let last = entries.last().filter(|_| entries.len() == step).map(|entry| entry.id);
            let shown = entries.into_iter().filter_map(|entry| entry.call);
            calls.extend(shown.filter(|call| filter.takes(call.id, &call.counted())));
            match last {
                Some(last) if calls.len() < need => until = Some(Bound::before(last)),
                _ => break,
            }
            // Many deleted ones, or many that the filter does not take: the next step is longer.
            step = (step * 2).min(LONGEST_STEP);
        }
        calls.truncate(need);
        Ok(calls)
    }
}
