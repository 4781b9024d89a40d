//! Attempts whose time has come: a message each, and then they wait no longer.
//!
//! Sent first and taken out then. A run that dies in between, or two at the same time, send messages twice: whoever gets the
//! second finds the attempt recorded.

use domain::Timestamp;
use futures_util::future::join_all;
use queue::{OutMessage, RetryMessage};
use store::{DueAttempt, DueShard};

use crate::{DueDeliveries, RunError};

/// How far ahead a run looks, in milliseconds: beyond the next run, and the one after it if that fails. The queue holds
/// the messages back until their time.
const AHEAD_MILLIS: i64 = 150_000;

/// How many attempts of a shard are read at a time.
const PAGE: usize = 250;

/// How many attempts of a shard are queued in a run; the next run takes the rest.
const MOST: usize = 5_000;

/// How long the attempt that waited longest was past its time when this run found it.
const OLDEST_DUE: &str = "OldestDueSeconds";

/// What a run found in a shard.
struct Shard {
    queued: usize,
    late_millis: i64,
}

impl DueDeliveries {
    /// Queues what is due in every shard that can be read, and tells how late the oldest was. Of a run that fails nothing is
    /// told, which raises the alarm as well.
    pub(crate) async fn attempts(&self) -> Result<usize, RunError> {
        let shards = join_all(DueShard::all().map(|shard| self.shard(shard))).await;
        let shards: Vec<Shard> = shards.into_iter().collect::<Result<_, _>>()?;
        let late_millis = shards.iter().map(|shard| shard.late_millis).max().unwrap_or(0);
        self.metrics.seconds(OLDEST_DUE, late_millis / 1_000, self.clock.now());
        Ok(shards.iter().map(|shard| shard.queued).sum())
    }

    async fn shard(&self, shard: DueShard) -> Result<Shard, RunError> {
        let (mut queued, mut late_millis) = (0, 0);
        while queued < MOST {
            let now = self.clock.now();
            let due = self.table.due(shard, now.plus_millis(AHEAD_MILLIS), PAGE).await?;
            late_millis = due.first().map_or(0, |oldest| now.millis_since(oldest.due_at)).max(late_millis);
            let messages: Vec<OutMessage> = due.iter().map(|attempt| message(attempt, now)).collect::<Result<_, _>>()?;
            self.queue.send_all(&messages).await?;
            self.table.settle_due(&due).await?;
            queued += due.len();
            if due.len() < PAGE {
                break;
            }
        }
        Ok(Shard { queued, late_millis })
    }
}

fn message(attempt: &DueAttempt, now: Timestamp) -> Result<OutMessage, serde_json::Error> {
    let message = RetryMessage::new(attempt.organization_id, attempt.mode, attempt.place(), attempt.attempt);
    message.out(attempt.due_at.millis_since(now))
}
