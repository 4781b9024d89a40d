//! What a request cost the table, for its log line.
//!
//! The table counts for the whole process. In Lambda that is exact: a process has one request at a time. A server that has
//! several, as a test may, tells each of them what all cost while it went on.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use store::{Table, Usage};

use crate::Gate;

/// A measurement that goes on. It travels with the response, because work beside the request is still to end.
#[derive(Debug, Clone)]
pub(crate) struct Spent {
    table: Table,
    before: Usage,
}

impl Spent {
    /// What was spent since it began.
    pub(crate) fn so_far(&self) -> Usage {
        self.table.usage() - self.before
    }
}

/// Measures from here on.
pub(crate) async fn measure(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let table = gate.table();
    let spent = Spent { before: table.usage(), table };
    let mut response = next.run(request).await;
    response.extensions_mut().insert(spent);
    response
}
