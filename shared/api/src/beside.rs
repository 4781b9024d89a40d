//! Work that goes on beside a request and ends before its answer leaves: a function that has answered is frozen.
//!
//! Only for what the answer does not depend on.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// What goes on beside one request. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Beside {
    /// Starts something; it goes on whenever the request waits.
    pub(crate) fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(work.in_current_span());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Waits until everything has ended.
    pub(crate) async fn finish(&self) {
        while let Some(task) = self.next() {
            if let Err(error) = task.await {
                tracing::error!(%error, "what went on beside a request died");
            }
        }
    }

    fn next(&self) -> Option<JoinHandle<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn everything_that_was_started_has_ended_when_it_is_finished() {
        let (beside, ended) = (Beside::default(), Arc::new(AtomicU32::new(0)));
        for _ in 0..3 {
            let ended = Arc::clone(&ended);
            beside.clone().start(async move {
                tokio::task::yield_now().await;
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        assert_eq!(ended.load(Ordering::SeqCst), 0, "nothing was waited for");
        beside.finish().await;
        assert_eq!(ended.load(Ordering::SeqCst), 3);
    }
}
