//! Several writes that happen together or not at all.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, ReturnConsumedCapacity, TransactWriteItem},
};

use crate::{error::StoreError, table::Table};

/// How often a transaction is tried when others touch the same items.
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

impl Table {
    /// Writes all or nothing; waits and tries again while another transaction holds one of the items.
    ///
    /// The SDK sends one client token per call and not per try, so each try is a transaction of its own.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let waiting = self.meter.send();
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            drop(waiting);
            let error = match sent {
                Ok(output) => {
                    self.meter.written(output.consumed_capacity.as_deref().unwrap_or_default());
                    return Ok(Outcome::Done);
                }
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
                return Err(StoreError::from_sdk(&error));
            };
            let reasons = cancelled.cancellation_reasons();
            if reasons.iter().any(|reason| reason.code() == Some("ConditionalCheckFailed")) {
                self.meter.refused();
                return Ok(Outcome::Refused(reasons.to_vec()));
            }
            if !reasons.iter().all(may_pass) {
                return Err(StoreError::from_sdk(&error));
            }
            if tries == TRIES {
                return Err(StoreError::Unavailable(format!("{TRIES} transactions in a row met others on the same items")));
            }
            tokio::time::sleep(pause(tries)).await;
        }
    }
}

/// Whether trying again can help: a conflict or throttling, or no fault of this write.
fn may_pass(reason: &CancellationReason) -> bool {
    matches!(reason.code(), None | Some("None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
}

/// 20, 40, 80, … milliseconds, spread by up to as much again so that rivals part.
pub(crate) fn pause(tries: u32) -> Duration {
    let base = 10_u64 << tries;
    let mut dice = [0];
    // Without randomness rivals part a little later.
    let _ = aws_lc_rs::rand::fill(&mut dice);
    let spread = u64::from(dice[0]) * base / 255;
    Duration::from_millis(base + spread)
}
