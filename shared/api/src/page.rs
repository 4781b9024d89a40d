//! Which part of a list is asked for.

use crate::query::Query;

/// The most items of a page.
pub(crate) const MAX_LIMIT: u64 = 100;

/// The furthest that an offset reaches.
const MAX_OFFSET: u64 = 100_000_000;

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many items, 1 to 100.
    pub limit: usize,
    /// How many items come before.
    pub offset: usize,
}

impl Page {
    /// Reads `limit` and either `offset` or `page`.
    #[must_use]
    pub fn read(query: &mut Query, default_limit: u64) -> Self {
        let limit = query.number("limit", 1..=MAX_LIMIT).unwrap_or(default_limit);
        let offset = query.number("offset", 0..=MAX_OFFSET);
        let page = query.number("page", 1..=MAX_OFFSET / MAX_LIMIT);
        if query.has("offset") && query.has("page") {
            query.fault("page", "must not be sent together with offset");
        }
        let offset = offset.or(page.map(|page| (page - 1) * limit)).unwrap_or(0);
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), offset: usize::try_from(offset).unwrap_or(usize::MAX) }
    }

    /// The number of this page, from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.offset / self.limit + 1
    }

    /// The part of a whole list that the page shows.
    #[must_use]
    pub fn of<T>(&self, items: Vec<T>) -> Vec<T> {
        items.into_iter().skip(self.offset).take(self.limit).collect()
    }
}
