//! A small memory of what was read a moment ago, bounded in time and in number.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use domain::Timestamp;

/// Values by key, each believed for a bounded time. Cheap to clone; clones share the memory.
///
/// Only what exists belongs in it: remembering what does not would let anybody fill the memory.
#[derive(Debug)]
pub struct Recent<K, V> {
    entries: Arc<Mutex<HashMap<K, (Timestamp, V)>>>,
    max_entries: usize,
    max_age_ms: i64,
}

impl<K, V> Clone for Recent<K, V> {
    fn clone(&self) -> Self {
        Self { entries: Arc::clone(&self.entries), ..*self }
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// A memory of at most so many entries, each believed for so many milliseconds.
    #[must_use]
    pub fn new(max_entries: usize, max_age_ms: i64) -> Self {
        Self { entries: Arc::default(), max_entries, max_age_ms }
    }

    /// The value, if it was remembered recently enough.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(since, _)| self.is_fresh(*since, now)).map(|(_, value)| value.clone())
    }

    /// Remembers a value from now on. A full memory first drops what is too old, then everything.
    pub fn put(&self, key: K, value: V, now: Timestamp) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.max_entries {
            entries.retain(|_, (since, _)| self.is_fresh(*since, now));
        }
        if entries.len() >= self.max_entries {
            entries.clear();
        }
        entries.insert(key, (now, value));
    }

    /// Forgets a value that is known to have changed.
    pub fn forget(&self, key: &K) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn is_fresh(&self, since: Timestamp, now: Timestamp) -> bool {
        (0..self.max_age_ms).contains(&now.millis_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    #[test]
    fn a_value_is_believed_until_it_is_too_old() {
        let recent = Recent::new(10, 1000);
        recent.put("a", 1, at(0));
        assert_eq!(recent.get(&"a", at(999)), Some(1));
        assert_eq!(recent.get(&"a", at(1000)), None);
    }

    #[test]
    fn the_memory_never_grows_beyond_its_bound() {
        let recent = Recent::new(3, 1000);
        for key in 0..100 {
            recent.put(key, key, at(key));
            assert!(recent.entries.lock().unwrap().len() <= 3);
            assert_eq!(recent.get(&key, at(key)), Some(key));
        }
    }
}
