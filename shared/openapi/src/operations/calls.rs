//! Calls, and simulated ones.

use api::Code::Conflict;
use domain::{
    EndpointId, NumberId,
    call::{CallStatus, Direction},
    wire,
};
use serde_json::Value;

use crate::{
    lists,
    operation::{Operation, operation},
    parameters::{choice, id, paging, range},
    requests::Simulation,
};

pub(crate) const TAG: &str = "Calls";
pub(crate) const TESTING: &str = "Testing";

/// Every spelling of a status that a filter takes; some are those of the other product's pages.
pub(crate) fn statuses() -> impl Iterator<Item = &'static str> {
    CallStatus::ALL.map(CallStatus::as_str).into_iter().chain(["in-progress", "answered", "no-answer"])
}

/// What the list, the statistics and the trends are narrowed by.
fn filters() -> Vec<Value> {
    let mut all = vec![
        choice("status", statuses(), "Calls of this status alone."),
        choice("direction", Direction::ALL.map(Direction::as_str), "Calls of this direction alone."),
        id("phone_number_id", &[NumberId::PREFIX, "num_"], "Calls of this number alone."),
        id("endpoint_id", &[EndpointId::PREFIX], "Calls that went to this endpoint alone."),
    ];
    all.extend(range("Calls that began"));
    all
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        operation("GET", "/calls", "list_calls", TAG, "List calls")
            .says("Newest first, without their transcripts. `action` asks for statistics or trends in their place.")
            .query([choice("action", ["list", "stats", "trends"], "What to answer: `list` if it is absent.")])
            .query(filters())
            .query(paging(Some(20)))
            .answers_as(200, "A page of calls, or what `action` asks for.", "application/json", lists::calls),
        operation("GET", "/calls/stats", "get_stats", TAG, "Get statistics")
            .says("How calls ended, how long they were and what they cost; of all time unless a range is named.")
            .query(filters())
            .answers::<wire::CallStats>(200, "The statistics."),
        operation("GET", "/calls/trends", "get_trends", TAG, "Get trends")
            .says("The calls of each day (UTC): of the last 30 days unless a range is named, and of at most 366.")
            .query(filters())
            .answers::<wire::CallTrends>(200, "One entry for each day."),
        operation("GET", "/calls/{id}", "get_call", TAG, "Get a call")
            .says("The call with its events and its transcript.")
            .answers::<wire::CallDetail>(200, "The call."),
        operation("DELETE", "/calls/{id}", "delete_call", TAG, "Delete a call")
            .says("The record and its events go, and lists and statistics follow. A call that goes on cannot be deleted.")
            .answers_nothing(204, "It is gone.")
            .refuses([Conflict]),
        operation("GET", "/calls/{id}/events", "list_call_events", TAG, "List a call's events")
            .says("In the order in which they happened.")
            .answers::<wire::CallEventList>(200, "The events."),
        operation("POST", "/test/calls", "simulate_call", TESTING, "Play a call")
            .says("For keys of test mode alone. The call goes the way of every call: look for it under `call_id`, and for its webhooks.")
            .body::<Simulation>()
            .answers::<wire::SimulatedCall>(202, "Its events are sent."),
    ]
}
