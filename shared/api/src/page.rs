//! Which part of a list is asked for.

use crate::{auth::ORGANIZATION, query::Query};

/// The most items of a page.
pub(crate) const MAX_LIMIT: u64 = 100;

/// The furthest that an offset reaches.
const MAX_OFFSET: u64 = 100_000_000;

/// The parameters that choose a part of a list or its form, or whose list it is; `action` names the list, which has a name of
/// its own. All others filter it.
const PARAMETERS: [&str; 7] = ["limit", "offset", "page", "cursor", "envelope", "action", ORGANIZATION];

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many items, 1 to 100.
    pub limit: usize,
    /// How many items come before; 0 where a cursor tells.
    pub offset: usize,
    /// The cursor after which the page begins, as it was sent.
    pub cursor: Option<String>,
    /// The list's other parameters in one spelling and order: a cursor belongs to one list with one set of filters.
    pub filters: String,
}

impl Page {
    /// Reads `limit` and one of `offset`, `page` and `cursor`.
    #[must_use]
    pub fn read(query: &mut Query, default_limit: u64) -> Self {
        let limit = query.number("limit", 1..=MAX_LIMIT).unwrap_or(default_limit);
        let offset = query.number("offset", 0..=MAX_OFFSET);
        let page = query.number("page", 1..=MAX_OFFSET / MAX_LIMIT);
        let cursor = query.text("cursor").map(str::to_owned);
        let starts: Vec<&str> = ["offset", "page", "cursor"].into_iter().filter(|start| query.has(start)).collect();
        for second in starts.iter().skip(1) {
            query.fault(second, format!("must not be sent together with {}", starts[0]));
        }
        let offset = offset.or(page.map(|page| (page - 1) * limit)).unwrap_or(0);
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            cursor,
            filters: query.without(&PARAMETERS),
        }
    }

    /// Reads a page of a list that is shown whole unless a part of it is asked for.
    #[must_use]
    pub fn or_everything(query: &mut Query) -> Self {
        let asked = ["limit", "offset", "page", "cursor"].iter().any(|parameter| query.has(parameter));
        let page = Self::read(query, MAX_LIMIT);
        if asked { page } else { Self { limit: usize::MAX, ..page } }
    }

    /// The number of this page, from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.offset / self.limit + 1
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
            query.finish().map(|()| (page.limit, page.offset, page.cursor))
        };
        assert_eq!(page("").unwrap(), (usize::MAX, 0, None));
        assert_eq!(page("limit=2").unwrap(), (2, 0, None));
        assert_eq!(page("limit=2&page=2").unwrap(), (2, 2, None));
        assert_eq!(page("cursor=x").unwrap(), (100, 0, Some("x".to_owned())));
        for wrong in ["cursor=x&page=2", "limit=0", "limit=101", "limit=2&offset=1&page=2"] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
