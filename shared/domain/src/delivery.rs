//! Webhook deliveries: what is sent to whom, what became of it, and what follows from that. Nothing here sends.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CallId, DeliveryId, Timestamp, webhook::ReceiverId};

/// How long a delivery is kept: 30 days, in seconds.
pub const KEPT_SECONDS: i64 = 30 * 24 * 3600;

/// The most attempts of one delivery that are kept, the last ones: three whole series and a little more.
pub const KEPT_ATTEMPTS: u32 = 30;

/// What is sent to one receiver for one event: the same bytes at every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, which is the webhook's `webhook-id`.
    pub id: DeliveryId,
    /// Who gets it.
    pub receiver: ReceiverId,
    /// The call it is about, if it is about one.
    pub call_id: Option<CallId>,
    /// The event's name as the receiver knows it.
    pub event: String,
    /// The body.
    pub body: String,
    /// When it was frozen.
    pub created_at: Timestamp,
}

impl Delivery {
    /// Where its log lies.
    #[must_use]
    pub const fn place(&self) -> DeliveryPlace {
        DeliveryPlace { id: self.id, receiver: self.receiver, created_at: self.created_at }
    }

    /// Its state before the first attempt is recorded.
    #[must_use]
    pub fn unattempted(&self) -> DeliveryState {
        DeliveryState {
            id: self.id,
            receiver: self.receiver,
            call_id: self.call_id,
            event: self.event.clone(),
            created_at: self.created_at,
            status: DeliveryStatus::Pending,
            reason: None,
            series_from: 1,
            next_at: None,
            replayed_by: None,
            attempts: BTreeMap::new(),
        }
    }

    /// When the table forgets it, in seconds since 1970.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.created_at.as_seconds() + KEPT_SECONDS
    }
}

/// What has to be known of a delivery to find its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPlace {
    /// The delivery.
    pub id: DeliveryId,
    /// Who gets it.
    pub receiver: ReceiverId,
    /// When it was frozen.
    pub created_at: Timestamp,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// An attempt is about to be made: the first of all, or the first of a replay that was asked for.
    Pending,
    /// It will be tried again.
    Retrying,
    /// The receiver took it.
    Delivered,
    /// No more attempts, unless it is replayed.
    Dead,
}

/// The text names no status of a delivery.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be pending, retrying, delivered or dead")]
pub struct UnknownDeliveryStatus;

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Retrying, Self::Delivered, Self::Dead];

    /// Its name, stored and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Delivered | Self::Dead)
    }
}

impl FromStr for DeliveryStatus {
    type Err = UnknownDeliveryStatus;

    fn from_str(text: &str) -> Result<Self, UnknownDeliveryStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownDeliveryStatus)
    }
}

/// One attempt and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// When it was made.
    pub at: Timestamp,
    /// The receiver's status code; `None` if there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer: a short name such as `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The first 1,024 bytes of the answer. Written by a stranger: show it as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
}

/// What became of a delivery so far.
///
/// Attempts are numbered on through all replays; each replay begins a series, which follows the schedule from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryState {
    /// The delivery.
    pub id: DeliveryId,
    /// Who gets it.
    pub receiver: ReceiverId,
    /// The call it is about, if it is about one.
    pub call_id: Option<CallId>,
    /// The event's name as the receiver knows it.
    pub event: String,
    /// When its body was frozen.
    pub created_at: Timestamp,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Why it ended, where no attempt tells.
    pub reason: Option<String>,
    /// The number of the first attempt of the series that goes on or came last.
    pub series_from: u32,
    /// When the next attempt is due.
    pub next_at: Option<Timestamp>,
    /// The request that asked for the last replay: the same request again asks for nothing.
    pub replayed_by: Option<String>,
    /// The last attempts by their number, from 1.
    pub attempts: BTreeMap<u32, AttemptRecord>,
}

/// What is to be done for a message that asks for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The attempt, as one of the series that began with this number.
    Attempt {
        /// The number of the series' first attempt.
        series_from: u32,
    },
    /// It was made and failed: whether the next one was queued for this time is not known.
    Next(Timestamp),
    /// Nothing: it was made, or overtaken, or the delivery is over.
    Nothing,
}

impl DeliveryState {
    /// Where it lies.
    #[must_use]
    pub const fn place(&self) -> DeliveryPlace {
        DeliveryPlace { id: self.id, receiver: self.receiver, created_at: self.created_at }
    }

    /// The number of the last attempt; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.attempts.keys().next_back().copied().unwrap_or(0)
    }

    /// Decides about a message that asks for attempt `number`; `is_replay` says that it begins a series, whatever became
    /// of those before. Repeated and late messages come to nothing.
    #[must_use]
    pub fn due(&self, number: u32, is_replay: bool) -> Due {
        match (number.cmp(&self.last()), self.next_at) {
            (std::cmp::Ordering::Less, _) => Due::Nothing,
            (std::cmp::Ordering::Equal, Some(next_at)) if self.status == DeliveryStatus::Retrying => Due::Next(next_at),
            (std::cmp::Ordering::Equal, _) => Due::Nothing,
            (std::cmp::Ordering::Greater, _) if is_replay => Due::Attempt { series_from: number },
            (std::cmp::Ordering::Greater, _) if self.status.is_over() => Due::Nothing,
            (std::cmp::Ordering::Greater, _) => Due::Attempt { series_from: self.series_from },
        }
    }
}

/// What a list of deliveries is narrowed to; `None` takes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Who gets them: an endpoint or a subscription.
    pub receiver: Option<Uuid>,
    /// The call they are about.
    pub call: Option<CallId>,
    /// The event's name as the receiver knows it.
    pub event: Option<String>,
    /// How far they have come.
    pub status: Option<DeliveryStatus>,
    /// Frozen at this time or later.
    pub from: Option<Timestamp>,
    /// Frozen before this time.
    pub until: Option<Timestamp>,
}

impl DeliveryFilter {
    /// Whether it takes a delivery.
    #[must_use]
    pub fn takes(&self, state: &DeliveryState) -> bool {
        self.receiver.is_none_or(|receiver| receiver == state.receiver.as_uuid())
            && self.call.is_none_or(|call| Some(call) == state.call_id)
            && self.event.as_ref().is_none_or(|event| *event == state.event)
            && self.status.is_none_or(|status| status == state.status)
            && self.from.is_none_or(|from| from <= state.created_at)
            && self.until.is_none_or(|until| state.created_at < until)
    }

    /// The same filter without what is kept no longer at this time: the table forgets it a little later than it should.
    #[must_use]
    pub fn kept_at(mut self, now: Timestamp) -> Self {
        let oldest = now.plus_millis(1 - KEPT_SECONDS * 1_000);
        self.from = Some(self.from.map_or(oldest, |from| from.max(oldest)));
        self
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn state(status: DeliveryStatus, attempts: u32) -> DeliveryState {
        let at = time("2026-01-02T00:00:00Z");
        let attempt = AttemptRecord { at, status: Some(500), error: None, duration_ms: 1, answer: String::new() };
        DeliveryState {
            id: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
            receiver: ReceiverId::Endpoint("0198c0de-0000-7000-8000-000000000002".parse().unwrap()),
            call_id: None,
            event: "call.completed".to_owned(),
            created_at: at,
            status,
            reason: None,
            series_from: 1,
            next_at: (status == DeliveryStatus::Retrying).then(|| at.plus_millis(5_000)),
            replayed_by: None,
            attempts: (1..=attempts).map(|number| (number, attempt.clone())).collect(),
        }
    }

    #[rstest]
    #[case::the_next_one(DeliveryStatus::Retrying, 3, false, Due::Attempt { series_from: 1 })]
    #[case::the_last_one_again(DeliveryStatus::Retrying, 2, false, Due::Next(time("2026-01-02T00:00:05Z")))]
    #[case::an_overtaken_one(DeliveryStatus::Retrying, 1, false, Due::Nothing)]
    #[case::a_replay_of_what_goes_on(DeliveryStatus::Retrying, 3, true, Due::Attempt { series_from: 3 })]
    #[case::one_after_success(DeliveryStatus::Delivered, 3, false, Due::Nothing)]
    #[case::the_last_one_of_a_dead_one_again(DeliveryStatus::Dead, 2, false, Due::Nothing)]
    #[case::one_of_a_dead_one(DeliveryStatus::Dead, 3, false, Due::Nothing)]
    #[case::a_replay_of_a_dead_one(DeliveryStatus::Dead, 3, true, Due::Attempt { series_from: 3 })]
    #[case::a_replay_of_a_delivered_one(DeliveryStatus::Delivered, 3, true, Due::Attempt { series_from: 3 })]
    #[case::a_replay_that_was_made(DeliveryStatus::Delivered, 2, true, Due::Nothing)]
    #[case::a_replay_that_is_awaited(DeliveryStatus::Pending, 3, true, Due::Attempt { series_from: 3 })]
    fn a_message_is_due_or_comes_to_nothing(
        #[case] status: DeliveryStatus,
        #[case] number: u32,
        #[case] is_replay: bool,
        #[case] due: Due,
    ) {
        assert_eq!(state(status, 2).due(number, is_replay), due);
    }

    #[test]
    fn a_filter_takes_what_fits_in_every_respect() {
        let state = state(DeliveryStatus::Dead, 1);
        let all = DeliveryFilter {
            receiver: Some(state.receiver.as_uuid()),
            call: None,
            event: Some("call.completed".to_owned()),
            status: Some(DeliveryStatus::Dead),
            from: Some(state.created_at),
            until: Some(state.created_at.plus_millis(1)),
        };
        assert!(all.takes(&state) && DeliveryFilter::default().takes(&state));
        for other in [
            DeliveryFilter { receiver: Some(Uuid::nil()), ..all.clone() },
            DeliveryFilter { call: "0198c0de-0000-7000-8000-000000000009".parse().ok(), ..all.clone() },
            DeliveryFilter { event: Some("call.*".to_owned()), ..all.clone() },
            DeliveryFilter { status: Some(DeliveryStatus::Delivered), ..all.clone() },
            DeliveryFilter { from: Some(state.created_at.plus_millis(1)), ..all.clone() },
            DeliveryFilter { until: Some(state.created_at), ..all },
        ] {
            assert!(!other.takes(&state), "{other:?}");
        }
    }

    #[test]
    fn what_is_kept_no_longer_is_not_taken() {
        let state = state(DeliveryStatus::Delivered, 1);
        let after = |seconds: i64| DeliveryFilter::default().kept_at(state.created_at.plus_millis(seconds * 1_000));
        assert!(after(KEPT_SECONDS - 1).takes(&state));
        assert!(!after(KEPT_SECONDS).takes(&state));
    }

    #[test]
    fn every_status_reads_back_as_itself() {
        for status in DeliveryStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!("done".parse::<DeliveryStatus>(), Err(UnknownDeliveryStatus));
    }
}
