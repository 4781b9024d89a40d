//! What the messages of one batch do together: one request serves all of them.
//!
//! Who has come to the point waits until all others of the batch have come to it or passed it by; the one that sees this
//! first acts for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// How it ended, for each who waits for it: the error's text if it failed.
pub(crate) type Done = Result<(), String>;

/// One common act of a batch, to which each message may bring work.
#[derive(Debug)]
pub(crate) struct Gathering<W> {
    state: Mutex<State<W>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<W> {
    coming: usize,
    waiting: Vec<(W, oneshot::Sender<Done>)>,
}

/// One message's part in it: it brings work or passes by.
pub(crate) struct Coming<W> {
    gathering: Arc<Gathering<W>>,
    awaited: bool,
}

impl<W> Coming<W> {
    /// The others need not wait for this message any more; it may still bring work.
    pub(crate) fn pass_by(&mut self) {
        if std::mem::take(&mut self.awaited) {
            self.gathering.state().coming -= 1;
            self.gathering.changed.notify_waiters();
        }
    }

    /// Has this work done together with what the rest of the batch brings. `act` answers each work in its place.
    ///
    /// # Errors
    /// The words of whatever went wrong: the message has to come again.
    pub(crate) async fn join<A, F>(mut self, work: W, act: A) -> Done
    where
        A: Fn(Vec<W>) -> F,
        F: Future<Output = Vec<Done>>,
    {
        let (tell, mut told) = oneshot::channel();
        self.gathering.state().waiting.push((work, tell));
        self.pass_by();
        loop {
            let changed = self.gathering.changed.notified();
            if let Some(all) = self.gathering.complete() {
                let (works, tells): (Vec<W>, Vec<oneshot::Sender<Done>>) = all.into_iter().unzip();
                for (tell, done) in tells.into_iter().zip(act(works).await) {
                    // Who does not wait any more was given up with its invocation.
                    let _ = tell.send(done);
                }
            }
            tokio::select! {
                done = &mut told => return done.unwrap_or_else(|_| Err("what the batch did together was given up".to_owned())),
                () = changed => {}
            }
        }
    }
}

impl<W> Drop for Coming<W> {
    fn drop(&mut self) {
        self.pass_by();
    }
}

impl<W> Default for Gathering<W> {
    fn default() -> Self {
        Self { state: Mutex::new(State { coming: 0, waiting: Vec::new() }), changed: Notify::new() }
    }
}

impl<W> Gathering<W> {
    /// A message begins.
    pub(crate) fn begin(self: &Arc<Self>) -> Coming<W> {
        self.state().coming += 1;
        Coming { gathering: Arc::clone(self), awaited: true }
    }

    /// Everything that waits, if nobody is still coming.
    fn complete(&self) -> Option<Vec<(W, oneshot::Sender<Done>)>> {
        let mut state = self.state();
        (state.coming == 0 && !state.waiting.is_empty()).then(|| std::mem::take(&mut state.waiting))
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
