//! Every operation, by the part of the API that it belongs to.

mod calls;
mod endpoints;
mod keys;
mod numbers;
mod outside;
mod routing;
mod telephony;
mod webhooks;

use serde_json::{Value, json};

use crate::operation::Operation;

pub(crate) use calls::statuses as call_statuses;
pub(crate) use outside::outside;

/// The operations that functions declare below the API's prefixes.
pub(crate) fn all() -> Vec<Operation> {
    [
        numbers::operations(),
        endpoints::operations(),
        calls::operations(),
        webhooks::operations(),
        telephony::operations(),
        keys::operations(),
        routing::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The parts of the API.
pub(crate) fn tags() -> Value {
    let tags = [
        (numbers::TAG, "What an organization holds, what it can buy, and where a number rings."),
        (endpoints::TAG, "What numbers ring: an agent of an AI provider, a SIP server, or a webhook that decides."),
        (calls::TAG, "Calls with their events, lists, statistics and trends."),
        (calls::TESTING, "Calls that are played in test data, through everything that a real one goes through."),
        (webhooks::TAG, "Who is told of an organization's events, the log of deliveries, and their replay."),
        (telephony::TAG, "Accounts with carriers, and numbers of the organization's own carriers."),
        (routing::TAG, "Where a call would go, and why."),
        (keys::TAG, "Keys of programs, and what they may do."),
        (keys::ORGANIZATIONS, "The organizations that a caller may act for."),
        (keys::AUDIT, "Who did what, and when."),
        (outside::CARRIERS, "Where carriers ask and tell. Whatever does not carry the carrier's own signature is forbidden."),
        (outside::SERVICE, "This document, the page that shows it, and whether the API answers."),
    ];
    json!(tags.map(|(name, description)| json!({"name": name, "description": description})))
}
