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

    /// Reads a page of a list that is shown whole unless a part of it is asked for.
    #[must_use]
    pub fn or_everything(query: &mut Query) -> Self {
        // Here a cursor will be read. A list that ignored one would show its first page for ever.
        if query.has("cursor") {
            query.fault("cursor", "is not supported: use limit and offset");
        }
        let asked = ["limit", "offset", "page"].iter().any(|parameter| query.has(parameter));
        let page = Self::read(query, MAX_LIMIT);
        if asked { page } else { Self { limit: usize::MAX, offset: 0 } }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_shown_unless_a_part_is_asked_for() {
        let page = |query: &str| {
            let mut query = Query::parse(query);
            let page = Page::or_everything(&mut query);
            query.finish().map(|()| page.of(vec![1, 2, 3]))
        };
        assert_eq!(page("").unwrap(), [1, 2, 3]);
        assert_eq!(page("limit=2").unwrap(), [1, 2]);
        assert_eq!(page("limit=2&page=2").unwrap(), [3]);
        for wrong in ["cursor=x", "limit=0", "limit=101", "limit=2&offset=1&page=2"] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
