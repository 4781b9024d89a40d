//! What was aimed at, and whether it was reached: by the worst of what was measured.

use crate::{
    contender::{Language, Transport},
    operation::Operation,
    report::Report,
};

/// One goal.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) found: String,
    pub(crate) is_met: bool,
}

/// Functions that answer requests over HTTP.
const HTTP: [&str; 8] =
    ["phone-numbers", "calls", "endpoints", "carrier-credentials", "carrier-callbacks", "api-keys", "webhooks-api", "docs"];

/// The goals, each with the worst that was found.
pub(crate) fn of(report: &Report) -> Vec<Goal> {
    let ratio = |operation, language| {
        let [ours, peer] = [Language::Rust, language].map(|language| report.request(operation, language).map(|one| one.cpu_us.median));
        peer.zip(ours).map(|(peer, ours)| (operation.name(), peer / ours))
    };
    let starts = HTTP.iter().filter_map(|name| Some((*name, report.start(name, Language::Rust, Transport::Tls)?.cpu_ms.median)));
    let beside_node = ["phone-numbers", "calls"].iter().filter_map(|name| {
        let [ours, node] = [Language::Rust, Language::Node].map(|language| report.start(name, language, Transport::Tls));
        Some((*name, node?.cpu_ms.median / ours?.cpu_ms.median))
    });
    let memory = report.requests.iter().filter(|one| one.language == Language::Rust).map(|one| (one.operation.name(), one.memory_mb));
    let gets = [Operation::GetNumber, Operation::ListCalls];
    let zips = report.sizes.iter().filter(|size| !size.function.contains("Node")).map(|size| (&*size.function, size.zip as f64 / 1e6));
    [
        at_most("CPU from the start of an HTTP function's process to its first answer, over TLS: at most 6 ms", starts, 6.0, "ms"),
        at_least("the same, beside Node's: at most 1/30", beside_node, 30.0),
        at_least("CPU of a GET, beside Node's: at most 1/6", gets.iter().filter_map(|get| ratio(*get, Language::Node)), 6.0),
        at_least("CPU of a GET, beside Python's: at most 1/10", gets.iter().filter_map(|get| ratio(*get, Language::Python)), 10.0),
        at_least(
            "CPU of an event in a batch of ten, beside Node's: at most 1/5",
            ratio(Operation::TakeEvents, Language::Node).into_iter(),
            5.0,
        ),
        at_most("resident memory after all requests: at most 16 MB", memory, 16.0, "MB"),
        at_most("zip of a function: at most 4.5 MB", zips, 4.5, "MB"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn at_most<'a>(what: &'static str, all: impl Iterator<Item = (&'a str, f64)>, most: f64, unit: &str) -> Option<Goal> {
    let (name, worst) = all.max_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(Goal { what, found: format!("{worst:.1} {unit} ({name})"), is_met: worst <= most })
}

fn at_least<'a>(what: &'static str, all: impl Iterator<Item = (&'a str, f64)>, least: f64) -> Option<Goal> {
    let (name, worst) = all.min_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(Goal { what, found: format!("1/{worst:.1} ({name})"), is_met: worst >= least })
}
