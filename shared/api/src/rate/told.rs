//! What an answer tells of the limit that its request was counted for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The headers that tell it.
pub(crate) const HEADERS: [HeaderName; 3] = [LIMIT, REMAINING, RESET];

/// What is told of a request in its answer: filled in when it is counted, which happens once. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Counted>>);

/// For whom a request was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Counted {
    /// For nobody yet.
    #[default]
    Not,
    /// For nobody, since no limit holds.
    Free,
    /// For somebody of whom this is left.
    For(Quota),
}

/// What may still be asked. An estimate: other processes may have let requests pass of which this one has not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// When everything may be asked again, in seconds since 1970.
    pub(super) reset: i64,
}

impl Quota {
    /// What is left of a bucket that is full again at this instant, in microseconds since 1970.
    pub(super) const fn new(limit: u32, remaining: u32, full_at: i64) -> Self {
        Self { limit, remaining, reset: full_at.saturating_add(999_999).div_euclid(1_000_000) }
    }
}

impl Told {
    /// That of a request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The request is not to be counted.
    pub(crate) fn free(&self) {
        *self.lock() = Counted::Free;
    }

    /// The request was counted; one that was refused has nothing left.
    pub(super) fn count(&self, quota: Quota, passed: bool) {
        *self.lock() = Counted::For(Quota { remaining: if passed { quota.remaining } else { 0 }, ..quota });
    }

    /// Whether it is still to be counted.
    pub(super) fn is_open(&self) -> bool {
        *self.lock() == Counted::Not
    }

    /// Puts what is told into an answer's headers: nothing where no limit holds.
    pub(crate) fn show(&self, headers: &mut HeaderMap) {
        let Counted::For(Quota { limit, remaining, reset }) = *self.lock() else { return };
        headers.insert(LIMIT, limit.into());
        headers.insert(REMAINING, remaining.into());
        headers.insert(RESET, HeaderValue::from(reset));
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
