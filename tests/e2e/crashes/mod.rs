//! The functions' own binaries, killed at every step of their work, and on a database that fails: nothing is lost, nothing
//! is counted twice, and what has to be told is told.
//!
//! Each test has a table, queues and receivers of its own; only SQS and KMS are the stack's.

mod deliveries;
mod ingestion;
mod late;
mod outbox;
mod reaper;
mod sweep;
mod worker;

use std::time::Duration;

use testkit::{
    LocalTable, Stack,
    event_source::EventSource,
    faults::{Faults, Wire},
    lambda::Function,
    local_table,
};

/// The least number of kills that each function has to survive.
const KILLS: u32 = 300;

/// A function whose every request goes over the wire, with the time-out of the template.
async fn function(
    name: &str,
    timeout: Duration,
    (stack, local, source): (&Stack, &LocalTable, &EventSource),
    (wire, faults): (&Wire, Faults),
    own: Vec<(String, String)>,
) -> Function {
    let aws = wire.to(stack.endpoint_url(), Faults::default()).await;
    let shared = [
        ("AWS_ENDPOINT_URL", aws),
        ("AWS_ENDPOINT_URL_DYNAMODB", wire.to(&local.endpoint_url, faults).await),
        ("TABLE_NAME", local_table::NAME.to_owned()),
        ("DEAD_LETTER_QUEUE_URL", source.dead_letters_url.clone()),
        ("LOG_LEVEL", "warn".to_owned()),
    ];
    let shared = shared.map(|(name, value)| (name.to_owned(), value));
    Function::new(name, timeout, [stack.identity(), shared.to_vec(), own].concat())
}
