//! Where calls go.

use domain::wire;

use crate::{
    operation::{Operation, operation},
    requests::{ResolveQuestion, RouteQuestion},
};

pub(crate) const TAG: &str = "Routing";

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        operation("POST", "/route/explain", "explain_route", TAG, "Explain where a call would go")
            .says("Every rule that is looked at, and what the carrier would be answered. Nothing is called, told or changed.")
            .body::<RouteQuestion>()
            .answers::<wire::RouteExplanation>(200, "Where the call would go, and why."),
        operation("POST", "/route/resolve", "resolve_route", TAG, "Ask where a call goes")
            .says("For the operator's own SIP edge: numbers of every organization are found, and the answer may carry a SIP password.")
            .body::<ResolveQuestion>()
            .answers::<wire::ResolvedRoute>(200, "What to do with the call."),
    ]
}
