//! Cursors of the list of calls: where a walk goes on, bound to the list and its filters.

pub(crate) use api::Cursors;
use api::{Caller, Problem};
use domain::{CallId, Invalid, stats::CallFilter};

/// Where a walk goes on: after a call, on a page of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) page: u64,
    pub(crate) after: CallId,
}

impl Position {
    fn text(self) -> String {
        format!("{} {}", self.page, self.after)
    }

    fn read(text: &str) -> Option<Self> {
        let (page, after) = text.split_once(' ')?;
        Some(Self { page: page.parse().ok()?, after: after.parse().ok()? })
    }
}

/// The cursor to a position; `None` if it cannot be signed now.
pub(crate) async fn sign(cursors: &Cursors, caller: &Caller, filter: &CallFilter, position: Position) -> Option<String> {
    cursors.sign(caller.tenant, &list(filter), &position.text()).await
}

/// The position that a cursor of this very list stands for.
pub(crate) async fn open(cursors: &Cursors, caller: &Caller, filter: &CallFilter, cursor: &str) -> Result<Position, Problem> {
    let text = cursors.open(caller.tenant, &list(filter), cursor).await?;
    Position::read(&text).ok_or_else(|| Problem::invalid(vec![Invalid::new("cursor", "is none of this list")]))
}

/// The list's name with its filters: the same calls have the same name, however they were asked for.
fn list(filter: &CallFilter) -> String {
    let word = |name: &str, value: Option<String>| value.map(|value| format!("{name}={value}"));
    let words = [
        word("status", filter.status.map(|status| status.as_str().to_owned())),
        word("direction", filter.direction.map(|direction| direction.as_str().to_owned())),
        word("number", filter.number_id.map(|id| id.to_string())),
        word("endpoint", filter.endpoint_id.map(|id| id.to_string())),
        word("from", filter.from.map(|time| time.as_millis().to_string())),
        word("until", filter.until.map(|time| time.as_millis().to_string())),
    ];
    format!("calls?{}", words.into_iter().flatten().collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use domain::call::{CallStatus, Direction};

    use super::*;

    #[test]
    fn a_position_reads_back_as_itself() {
        let position = Position { page: 7, after: CallId::new("2026-01-02T03:04:05Z".parse().unwrap(), [1; 10]) };
        assert_eq!(Position::read(&position.text()), Some(position));
        for wrong in ["", "7", "x 019b7ca5-3408-7000-8000-00000000c001", "7 x"] {
            assert_eq!(Position::read(wrong), None);
        }
    }

    #[test]
    fn lists_with_other_filters_have_other_names() {
        let filter = CallFilter { status: Some(CallStatus::NoAnswer), direction: Some(Direction::Inbound), ..CallFilter::default() };
        assert_eq!(list(&filter), "calls?status=no_answer&direction=inbound");
        assert_eq!(list(&CallFilter::default()), "calls?");
    }
}
