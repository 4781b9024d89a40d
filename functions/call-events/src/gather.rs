//! What the messages of one batch do together: those that bring work under one key have it done by one of them.
//!
//! Who has come to the point waits until all others of the batch have come to it or passed it by, though not for ever. Then
//! one of each key acts for all of that key, and the others wait for what it tells them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use queue::batch::Failure;
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

/// How it ended, for each who waits for it.
pub(crate) type Done = Result<(), Failure>;

/// How long those who have come wait for the others. A message that takes longer has met a throttled table.
const PATIENCE: Duration = Duration::from_secs(1);

/// One common point of a batch, to which each message may bring work.
#[derive(Debug)]
pub(crate) struct Gathering<K, W> {
    state: Mutex<State<K, W>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<K, W> {
    coming: usize,
    /// How many have brought work so far, which numbers them.
    brought: u64,
    waiting: Vec<Waiting<K, W>>,
}

#[derive(Debug)]
struct Waiting<K, W> {
    number: u64,
    key: K,
    work: W,
    tell: oneshot::Sender<Done>,
}

/// One message's part in it: it brings work or passes by.
#[derive(Debug)]
pub(crate) struct Coming<K, W> {
    gathering: Arc<Gathering<K, W>>,
    awaited: bool,
}

impl<K, W> Coming<K, W> {
    /// The others need not wait for this message any more; it may still bring work.
    pub(crate) fn pass_by(&mut self) {
        if std::mem::take(&mut self.awaited) {
            let mut state = self.gathering.state();
            state.coming -= 1;
            if state.coming == 0 {
                self.gathering.changed.notify_waiters();
            }
        }
    }
}

impl<K: PartialEq, W> Coming<K, W> {
    /// Has this work done together with what the rest of the batch brings under the same key. `act` answers each work in its
    /// place; it is dropped, and all that it holds with it, as soon as another message acts for this one.
    ///
    /// # Errors
    /// What became of the work, or [`Failure::Retry`] if whoever acted was given up.
    pub(crate) async fn join<A, F>(mut self, key: K, work: W, act: A) -> Done
    where
        A: FnOnce(Vec<W>) -> F,
        F: Future<Output = Vec<Done>>,
    {
        let (tell, told) = oneshot::channel();
        let number = self.gathering.state().bring(key, work, tell);
        self.pass_by();
        if let Some(all) = self.turn(number).await {
            let (works, tells): (Vec<W>, Vec<oneshot::Sender<Done>>) = all.into_iter().map(|one| (one.work, one.tell)).unzip();
            for (tell, done) in tells.into_iter().zip(act(works).await) {
                // Who does not wait any more was given up with its invocation.
                let _ = tell.send(done);
            }
        } else {
            drop(act);
        }
        told.await.unwrap_or_else(|_| Err(Failure::retry("what the batch did together was given up")))
    }

    /// Waits for everybody, or long enough. All that waits under this one's key if it is the one to act, else `None`.
    async fn turn(&self, number: u64) -> Option<Vec<Waiting<K, W>>> {
        let mut patience = std::pin::pin!(sleep(PATIENCE));
        loop {
            let changed = self.gathering.changed.notified();
            let complete = {
                let mut state = self.gathering.state();
                let key = state.waiting.iter().position(|one| one.number == number)?;
                (state.coming == 0 || patience.is_elapsed()).then(|| state.take_like(key))
            };
            if complete.is_some() {
                // Those for whom this one acts hold nobody up any more.
                self.gathering.changed.notify_waiters();
                return complete;
            }
            tokio::select! {
                () = &mut patience => {}
                () = changed => {}
            }
        }
    }
}

impl<K, W> Drop for Coming<K, W> {
    fn drop(&mut self) {
        self.pass_by();
    }
}

impl<K, W> Default for Gathering<K, W> {
    fn default() -> Self {
        Self { state: Mutex::new(State { coming: 0, brought: 0, waiting: Vec::new() }), changed: Notify::new() }
    }
}

impl<K, W> Gathering<K, W> {
    /// A message begins.
    pub(crate) fn begin(self: &Arc<Self>) -> Coming<K, W> {
        self.state().coming += 1;
        Coming { gathering: Arc::clone(self), awaited: true }
    }

    fn state(&self) -> MutexGuard<'_, State<K, W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, W> State<K, W> {
    fn bring(&mut self, key: K, work: W, tell: oneshot::Sender<Done>) -> u64 {
        self.brought += 1;
        self.waiting.push(Waiting { number: self.brought, key, work, tell });
        self.brought
    }
}

impl<K: PartialEq, W> State<K, W> {
    /// Takes out all that wait under the key of the one at this place, in the order in which they came.
    fn take_like(&mut self, place: usize) -> Vec<Waiting<K, W>> {
        let one = self.waiting.remove(place);
        let mut like: Vec<Waiting<K, W>> = self.waiting.extract_if(.., |other| other.key == one.key).collect();
        like.push(one);
        like.sort_by_key(|one| one.number);
        like
    }
}

/// Does works together, and each alone if that fails: one that cannot be done keeps no other from it.
pub(crate) async fn together<W: Clone, F: Future<Output = Done>>(all: Vec<W>, act: impl Fn(Vec<W>) -> F) -> Vec<Done> {
    if let [_, _, ..] = *all
        && act(all.clone()).await.is_ok()
    {
        return all.into_iter().map(|_| Ok(())).collect();
    }
    join_all(all.into_iter().map(|one| act(vec![one]))).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::time::Instant;

    use super::*;

    type Numbers = Arc<Gathering<&'static str, usize>>;

    async fn fine(works: Vec<usize>) -> Vec<Done> {
        works.into_iter().map(|_| Ok(())).collect()
    }

    /// Brings these works under their keys at once; what was done together, and how each ended.
    async fn bring(gathering: &Numbers, works: &[(&'static str, usize)]) -> (Vec<Vec<usize>>, Vec<bool>) {
        let acts = Mutex::new(Vec::new());
        let all: Vec<_> = works.iter().map(|work| (gathering.begin(), *work)).collect();
        let ends = join_all(all.into_iter().map(|(coming, (key, work))| {
            coming.join(key, work, async |all: Vec<usize>| {
                let done = all.iter().map(|work| if work % 2 == 0 { Ok(()) } else { Err(Failure::never("it is odd")) }).collect();
                acts.lock().unwrap().push(all);
                done
            })
        }));
        let ends = ends.await.iter().map(Result::is_ok).collect();
        (acts.into_inner().unwrap(), ends)
    }

    #[tokio::test]
    async fn each_key_has_one_act_and_each_work_its_own_end() {
        let works = [("a", 1), ("b", 2), ("a", 4), ("c", 3), ("b", 5)];
        let (mut acts, ends) = bring(&Numbers::default(), &works).await;
        acts.sort();
        assert_eq!(acts, [vec![1, 4], vec![2, 5], vec![3]]);
        assert_eq!(ends, [false, true, true, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_who_passes_by_or_is_dropped() {
        let gathering = Numbers::default();
        let (mut passes, dropped) = (gathering.begin(), gathering.begin());
        passes.pass_by();
        drop(dropped);
        let begun = Instant::now();
        assert_eq!(bring(&gathering, &[("a", 2), ("a", 4)]).await.0, [[2, 4]]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(passes.join("a", 6, fine).await.is_ok(), "it may still bring work");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_holds_nobody_up_for_ever() {
        let gathering = Numbers::default();
        let late = gathering.begin();
        let begun = Instant::now();
        assert_eq!(bring(&gathering, &[("a", 2), ("b", 4), ("a", 6)]).await.1, [true; 3]);
        assert_eq!(begun.elapsed(), PATIENCE);
        drop(late);
    }

    #[tokio::test]
    async fn what_an_act_holds_is_free_before_another_messages_act_is_over() {
        let (first, second) = (Numbers::default(), Numbers::default());
        let act = |held: Coming<&'static str, usize>| {
            async move |all: Vec<usize>| {
                // Waits for nobody: the other's part in the second went with its act.
                held.join("one", 1, fine).await.unwrap();
                fine(all).await
            }
        };
        let begin = || (first.begin(), second.begin());
        let ((one, one_held), (other, other_held)) = (begin(), begin());
        let begun = Instant::now();
        let ends = tokio::join!(one.join("a", 2, act(one_held)), other.join("a", 4, act(other_held)));
        assert!(ends.0.is_ok() && ends.1.is_ok());
        assert!(begun.elapsed() < PATIENCE);
    }

    #[tokio::test]
    async fn those_whose_act_was_given_up_come_again() {
        let gathering = Numbers::default();
        let (one, other) = (gathering.begin(), gathering.begin());
        // Whoever comes last acts.
        let follows = tokio::spawn(other.join("a", 4, fine));
        let leads = tokio::spawn(one.join("a", 2, async |_| std::future::pending().await));
        tokio::time::sleep(Duration::from_millis(20)).await;
        leads.abort();
        assert!(matches!(follows.await.unwrap(), Err(Failure::Retry(_))));
    }

    #[tokio::test]
    async fn what_fails_together_is_tried_alone() {
        let requests = AtomicUsize::new(0);
        let act = |works: Vec<usize>| {
            requests.fetch_add(1, Relaxed);
            async move { if works.contains(&3) { Err(Failure::never("three")) } else { Ok(()) } }
        };
        let ends = async |works: &[usize]| {
            requests.store(0, Relaxed);
            let ends = together(works.to_vec(), act).await;
            (ends.iter().map(Result::is_ok).collect::<Vec<_>>(), requests.load(Relaxed))
        };
        assert_eq!(ends(&[1, 2]).await, (vec![true, true], 1));
        assert_eq!(ends(&[1, 3, 2]).await, (vec![true, false, true], 4));
        assert_eq!(ends(&[3]).await, (vec![false], 1));
    }
}
