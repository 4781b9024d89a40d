//! The pace of receivers: what an attempt says of it is noted, and an attempt on a slow receiver takes its turn.
//!
//! What a process knows of a pace may be a minute old; turns are given by the table.

use std::time::Duration;

use domain::{Timestamp, pace::Pace, webhook::ReceiverId};
use queue::batch::Failure;
use store::{Tenant, Turn};

use crate::WebhookDelivery;

/// What an attempt says of its receiver's pace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// How long it took.
    pub(crate) took: Duration,
    /// How many seconds the receiver asked to be left alone, if it pushed the attempt back; 0 if it did not say.
    pub(crate) pushed_back: Option<u32>,
}

impl WebhookDelivery {
    /// When an attempt on a receiver may be made: at any time, unless the receiver is known to be slow.
    pub(crate) async fn turn(&self, tenant: Tenant, receiver: ReceiverId) -> Result<Turn, Failure> {
        let now = self.clock.now();
        let Some(pace) = self.paces.get(&(tenant, receiver), now).filter(|pace| pace.is_slow(now)) else { return Ok(Turn::Free) };
        let turn = self.table.take_turn(tenant, &pace, now).await.map_err(Failure::retry)?;
        if turn == Turn::Free {
            self.paces.forget(&(tenant, receiver));
        }
        Ok(turn)
    }

    /// Until when a receiver is known to want to be left alone.
    pub(crate) fn asked_until(&self, tenant: Tenant, receiver: ReceiverId) -> Option<Timestamp> {
        let now = self.clock.now();
        self.paces.get(&(tenant, receiver), now).and_then(|pace| pace.asks_until(now))
    }

    /// Notes what an attempt says of its receiver's pace: most say nothing.
    pub(crate) async fn heard(&self, tenant: Tenant, receiver: ReceiverId, said: Said) -> Result<(), Failure> {
        let Some(asked_seconds) = said.pushed_back else {
            return if said.took >= self.patience { self.slowed(tenant, receiver, said.took).await } else { Ok(()) };
        };
        let (now, known) = (self.clock.now(), self.paces.get(&(tenant, receiver), self.clock.now()));
        let attempt = Pace::new(receiver, millis(said.took), now);
        let pace = Pace::pushed_back(known.as_ref(), attempt, i64::from(asked_seconds) * 1_000, millis(self.limit), now);
        self.note(tenant, pace, known, now).await
    }

    /// Notes that a receiver is slow.
    pub(crate) async fn slowed(&self, tenant: Tenant, receiver: ReceiverId, took: Duration) -> Result<(), Failure> {
        let now = self.clock.now();
        self.note(tenant, Pace::new(receiver, millis(took), now), self.paces.get(&(tenant, receiver), now), now).await
    }

    /// Notes a pace, unless the same was noted a moment ago.
    async fn note(&self, tenant: Tenant, pace: Pace, known: Option<Pace>, now: Timestamp) -> Result<(), Failure> {
        let asked_until = known.as_ref().and_then(|known| known.asked_until).max(pace.asked_until);
        if known.is_some_and(|known| !known.is_old(now) && known.asked_until == asked_until) {
            return Ok(());
        }
        self.table.note_slow(tenant, &pace, now).await.map_err(Failure::retry)?;
        self.paces.put((tenant, pace.receiver), Pace { asked_until, ..pace }, now);
        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
