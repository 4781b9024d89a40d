//! Several writes that happen together or not at all.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, ReturnConsumedCapacity, TransactWriteItem},
};

use crate::{error::StoreError, item::Attributes, table::Table};

/// How often a write is tried when others touch the same items.
pub(crate) const TRIES: u32 = 6;

/// How a transaction ended.
pub(crate) enum Outcome {
    /// Everything was written.
    Done,
    /// Nothing was: at least one condition failed. One entry per write, in order.
    Refused(Vec<CancellationReason>),
}

impl Outcome {
    /// The reason of the write at this place if its condition failed.
    pub(crate) fn failed(reasons: &[CancellationReason], at: usize) -> Option<&CancellationReason> {
        reasons.get(at).filter(|reason| reason.code() == Some("ConditionalCheckFailed"))
    }
}

/// The item at which the condition of the write at this place failed, if there is one.
pub(crate) fn item_at(reasons: &[CancellationReason], at: usize) -> Option<Attributes> {
    Outcome::failed(reasons, at)?.item.clone().filter(|item| !item.is_empty())
}

/// How one try ended.
pub(crate) enum Attempt {
    /// It is decided.
    Over(Outcome),
    /// Others touch the same items at this moment, or the table is throttled: another try may go through.
    Met,
}

impl Table {
    /// Writes all or nothing, with the entry of the act that this is; waits and tries again while another transaction holds
    /// one of the items.
    ///
    /// The SDK sends one client token per call and not per try, so each try is a transaction of its own.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        for tries in 1..=TRIES {
            if let Attempt::Over(outcome) = self.try_act(writes.clone()).await? {
                return Ok(outcome);
            }
            if tries < TRIES {
                tokio::time::sleep(pause(tries)).await;
            }
        }
        Err(StoreError::Unavailable(format!("{TRIES} transactions in a row met others on the same items")))
    }

    /// Writes all or nothing, with the entry of the act that this is, if nobody else is at it.
    pub(crate) async fn try_act(&self, mut writes: Vec<TransactWriteItem>) -> Result<Attempt, StoreError> {
        writes.extend(self.act_write()?);
        let attempt = self.try_transact(writes).await?;
        if let Attempt::Over(Outcome::Done) = attempt {
            self.act_is_written();
        }
        Ok(attempt)
    }

    /// Writes all or nothing, if nobody else is at it: what is no effect of an act.
    pub(crate) async fn try_transact(&self, writes: Vec<TransactWriteItem>) -> Result<Attempt, StoreError> {
        let waiting = self.meter.send();
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        drop(waiting);
        let error = match sent {
            Ok(output) => {
                self.meter.written(output.consumed_capacity.as_deref().unwrap_or_default());
                return Ok(Attempt::Over(Outcome::Done));
            }
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(StoreError::from_sdk(&error));
        };
        let reasons = cancelled.cancellation_reasons();
        if reasons.iter().any(|reason| reason.code() == Some("ConditionalCheckFailed")) {
            self.meter.refused();
            return Ok(Attempt::Over(Outcome::Refused(reasons.to_vec())));
        }
        if reasons.iter().all(may_pass) { Ok(Attempt::Met) } else { Err(StoreError::from_sdk(&error)) }
    }
}

/// Whether trying again can help: a conflict or throttling, or no fault of this write.
fn may_pass(reason: &CancellationReason) -> bool {
    matches!(reason.code(), None | Some("None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
}

/// Sends a write of one item, and again after a pause while a transaction holds the item: what came of the last try.
pub(crate) async fn when_free<O, E, F>(is_held: impl Fn(&E) -> bool, send: impl Fn() -> F) -> Result<O, SdkError<E>>
where
    F: Future<Output = Result<O, SdkError<E>>>,
{
    for tries in 1..TRIES {
        match send().await {
            Err(error) if error.as_service_error().is_some_and(&is_held) => tokio::time::sleep(pause(tries)).await,
            sent => return sent,
        }
    }
    send().await
}

/// 20, 40, 80, … milliseconds, spread by up to as much again so that rivals part.
pub(crate) fn pause(tries: u32) -> Duration {
    let base = 10_u64 << tries;
    let spread = u64::from(dice()) * base / 255;
    Duration::from_millis(base + spread)
}

/// A random byte that parts rivals. Without randomness they part a little later.
pub(crate) fn dice() -> u8 {
    let mut dice = [0];
    let _ = aws_lc_rs::rand::fill(&mut dice);
    dice[0]
}
