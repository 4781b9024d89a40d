//! Calls of one batch that are over are counted together: they share most counter rows, and each row is written once.
//!
//! Who has written its event waits until all others of the batch have; the one that sees this first counts for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::{CountWork, Table, Tenant};
use tokio::sync::{Notify, oneshot};

/// How counting ended, for each who waits for it: the error's text if it failed.
type Counted = Result<(), String>;

/// Work, whose it is, and who waits for it.
type Waiting = (Tenant, CountWork, oneshot::Sender<Counted>);

/// The counting of one batch.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    writing: usize,
    waiting: Vec<Waiting>,
}

/// One message of the batch whose event is being written. Dropping it means that it is, or that it failed.
pub(crate) struct Writing {
    gathering: Arc<Gathering>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.gathering.state().writing -= 1;
        self.gathering.changed.notify_waiters();
    }
}

impl Gathering {
    /// A message begins.
    pub(crate) fn begin(self: &Arc<Self>) -> Writing {
        self.state().writing += 1;
        Writing { gathering: Arc::clone(self) }
    }

    /// Counts a call, together with those that the rest of the batch brings. The message's own [`Writing`] must be
    /// dropped before.
    ///
    /// # Errors
    /// The words of whatever went wrong: the message has to come again.
    pub(crate) async fn count(&self, table: &Table, tenant: Tenant, work: CountWork) -> Counted {
        let (tell, mut told) = oneshot::channel();
        self.state().waiting.push((tenant, work, tell));
        loop {
            let changed = self.changed.notified();
            if let Some(all) = self.complete() {
                count_all(table, all).await;
            }
            tokio::select! {
                counted = &mut told => return counted.unwrap_or_else(|_| Err("counting was given up".to_owned())),
                () = changed => {}
            }
        }
    }

    /// Everything that waits, if nothing is written any more.
    fn complete(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        (state.writing == 0 && !state.waiting.is_empty()).then(|| std::mem::take(&mut state.waiting))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the calls of each tenant and tells those who wait.
async fn count_all(table: &Table, mut all: Vec<Waiting>) {
    while let Some(tenant) = all.first().map(|(tenant, ..)| *tenant) {
        let (own, rest): (Vec<Waiting>, Vec<Waiting>) = all.into_iter().partition(|(whose, ..)| *whose == tenant);
        all = rest;
        let (works, tells): (Vec<CountWork>, Vec<oneshot::Sender<Counted>>) = own.into_iter().map(|(_, work, tell)| (work, tell)).unzip();
        let together = table.count_calls(tenant, works.clone()).await;
        for (work, tell) in works.into_iter().zip(tells) {
            // One that cannot be counted keeps nobody else from it; those that were counted are not counted again.
            let counted = match &together {
                Ok(()) => Ok(()),
                Err(_) => table.count_calls(tenant, vec![work]).await.map_err(|error| error.to_string()),
            };
            // Who does not wait any more was given up with its invocation.
            let _ = tell.send(counted);
        }
    }
}
