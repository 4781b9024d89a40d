//! Counter rows read: the sums of a filter, in all, by day, or by smaller stretches of time.

use domain::{
    Day,
    stats::{Breakdown, CallFilter},
};

use crate::{access_patterns, error::StoreError, keys::Tenant, table::Table};

use super::{CountRow, Dimension, Part};

/// The rows that know a filter's calls: of its number, else of its endpoint, else of the whole organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) tenant: Tenant,
    pub(crate) dimension: Dimension,
    /// Which of a number's rows are meant; `None` for all.
    part: Option<Part>,
}

impl Counters {
    pub(crate) const fn of(tenant: Tenant, filter: &CallFilter) -> Self {
        let (dimension, part) = match (filter.number_id, filter.endpoint_id) {
            (Some(number), None) => (Dimension::Number(number), None),
            (Some(number), endpoint) => (Dimension::Number(number), Some(Part(endpoint))),
            (None, Some(endpoint)) => (Dimension::Endpoint(endpoint), None),
            (None, None) => (Dimension::Organization, None),
        };
        Self { tenant, dimension, part }
    }

    /// All rows of a dimension.
    pub(crate) const fn all(tenant: Tenant, dimension: Dimension) -> Self {
        Self { tenant, dimension, part: None }
    }

    /// The rows of every year.
    pub(crate) async fn years(self, table: &Table) -> Result<Vec<CountRow>, StoreError> {
        let Self { tenant, dimension, .. } = self;
        Ok(self.own(table.list(access_patterns::counts_by_year(tenant.org(), tenant.mode(), dimension)).await?))
    }

    /// The rows of the days from one to before another.
    pub(crate) async fn days(self, table: &Table, first: Day, end: Day) -> Result<Vec<CountRow>, StoreError> {
        if first >= end {
            return Ok(Vec::new());
        }
        let Self { tenant, dimension, .. } = self;
        let list = access_patterns::counts_by_day(tenant.org(), tenant.mode(), dimension);
        // A row's key goes on after its day, so none ends with the day after the last.
        let span = list.between(Some(&first.to_string()), Some(&end.to_string()));
        Ok(self.own(table.range(span, false, usize::MAX).await?))
    }

    /// The rows of the watches of a day, which only the whole organization has.
    pub(crate) async fn watches(self, table: &Table, day: Day) -> Result<Vec<CountRow>, StoreError> {
        let Self { tenant, dimension, .. } = self;
        table.list(access_patterns::counts_by_watch(tenant.org(), tenant.mode(), dimension, day)).await
    }

    fn own(self, mut rows: Vec<CountRow>) -> Vec<CountRow> {
        rows.retain(|row| self.part.is_none_or(|part| part == row.place.part));
        rows
    }
}

/// The sums over rows.
pub(crate) fn added(rows: &[CountRow]) -> Breakdown {
    let mut sums = Breakdown::default();
    rows.iter().for_each(|row| sums += &row.breakdown());
    sums
}
