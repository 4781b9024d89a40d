//! A value that is made when it is first needed.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock},
};

type Make<T> = Box<dyn FnOnce() -> T + Send + Sync>;

/// A value that costs something to make, and that many a process never needs: a client of a service that is asked seldom.
///
/// Clones share it.
pub struct Lazily<T>(Arc<LazyLock<T, Make<T>>>);

impl<T> Lazily<T> {
    /// Has the value made at its first use.
    pub fn by(make: impl FnOnce() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

/// What was made already.
impl<T: Send + Sync + 'static> From<T> for Lazily<T> {
    fn from(value: T) -> Self {
        Self::by(|| value)
    }
}

impl<T> Deref for Lazily<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Lazily<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Makes nothing.
impl<T> fmt::Debug for Lazily<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazily")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_value_is_made_once_for_all_clones_and_not_before_it_is_needed() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let one = Lazily::by(move || counter.fetch_add(1, Ordering::Relaxed) + 41);
        let other = one.clone();
        assert_eq!((format!("{other:?}").as_str(), made.load(Ordering::Relaxed)), ("Lazily", 0));
        assert_eq!((*one, *other, made.load(Ordering::Relaxed)), (41, 41, 1));
        assert_eq!(*Lazily::from(7), 7);
    }
}
