//! Statistics and trends of calls as clients see them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::call::cents;
use crate::{
    Day,
    call::{CallStatus, Direction},
    stats::{Breakdown, Sums},
};

/// How calls ended, how long they were and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallStats {
    /// How many calls.
    pub total: i64,
    /// How many of each status; every status is named.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub by_status: Map<String, Value>,
    /// How many of each direction.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub by_direction: Map<String, Value>,
    /// Seconds of conversation.
    pub total_duration: i64,
    /// Seconds of conversation per answered call; 0 if none was answered.
    pub average_duration: f64,
    /// Cost in US cents, with fractions.
    pub total_cost: f64,
    /// Cost in millionths of a US cent: the exact sum.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub total_cost_micro_cents: i128,
    /// Answered calls of all calls, from 0 to 1.
    pub answer_rate: f64,
    /// The first moment that was asked for, as it was written.
    pub start_date: Option<String>,
    /// The last one.
    pub end_date: Option<String>,
}

impl CallStats {
    /// The statistics that sums tell.
    #[must_use]
    pub fn new(sums: &Breakdown, start_date: Option<String>, end_date: Option<String>) -> Self {
        let all = sums.sum(|_| true);
        let of_status = |status: CallStatus| (status.as_str().to_owned(), json!(sums.sum(|outcome| outcome.status == status).calls));
        let of_direction =
            |direction: Direction| (direction.as_str().to_owned(), json!(sums.sum(|outcome| outcome.direction == direction).calls));
        Self {
            total: all.calls,
            by_status: CallStatus::ALL.into_iter().map(of_status).collect(),
            by_direction: Direction::ALL.into_iter().map(of_direction).collect(),
            total_duration: all.duration,
            average_duration: ratio(all.duration, all.answered),
            total_cost: cost(all),
            total_cost_micro_cents: all.cost_micro_cents,
            answer_rate: ratio(all.answered, all.calls),
            start_date,
            end_date,
        }
    }
}

/// The calls of each day of a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallTrends {
    /// One entry for each UTC day, oldest first; days without calls too.
    pub data: Vec<TrendDay>,
    /// The first day.
    pub start_date: Day,
    /// The last day.
    pub end_date: Day,
}

/// The calls of one UTC day.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrendDay {
    /// The day.
    pub date: Day,
    /// How many calls began on it.
    pub total: i64,
    /// How many of them came in.
    pub inbound: i64,
    /// How many went out.
    pub outbound: i64,
    /// How many ended after they were connected.
    pub completed: i64,
    /// How many failed.
    pub failed: i64,
    /// How many met a busy line.
    pub busy: i64,
    /// How many nobody answered.
    pub no_answer: i64,
    /// Seconds of conversation.
    pub total_duration: i64,
    /// Cost in US cents, with fractions.
    pub total_cost: f64,
}

impl TrendDay {
    /// A day as its sums tell it.
    #[must_use]
    pub fn new(date: Day, sums: &Breakdown) -> Self {
        let all = sums.sum(|_| true);
        let of_status = |status| sums.sum(|outcome| outcome.status == status).calls;
        let of_direction = |direction| sums.sum(|outcome| outcome.direction == direction).calls;
        Self {
            date,
            total: all.calls,
            inbound: of_direction(Direction::Inbound),
            outbound: of_direction(Direction::Outbound),
            completed: of_status(CallStatus::Completed),
            failed: of_status(CallStatus::Failed),
            busy: of_status(CallStatus::Busy),
            no_answer: of_status(CallStatus::NoAnswer),
            total_duration: all.duration,
            total_cost: cost(all),
        }
    }
}

fn cost(sums: Sums) -> f64 {
    cents(u64::try_from(sums.cost_micro_cents).unwrap_or(if sums.cost_micro_cents < 0 { 0 } else { u64::MAX }))
}

#[expect(clippy::cast_precision_loss, reason = "the nearest number is meant")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Counted;

    #[test]
    fn averages_are_per_answered_call_and_rates_of_all() {
        let call = |status, answered, duration, cost_micro_cents| Counted {
            status,
            direction: Direction::Inbound,
            number_id: None,
            endpoint_id: None,
            answered,
            duration,
            cost_micro_cents,
        };
        let mut sums = Breakdown::default();
        sums.count(&call(CallStatus::Completed, true, 90, 2_400_000));
        sums.count(&call(CallStatus::Completed, true, 31, 100_000));
        sums.count(&call(CallStatus::Busy, false, 0, 0));
        sums.count(&call(CallStatus::Ringing, false, 0, 0));
        let stats = CallStats::new(&sums, None, None);
        assert_eq!((stats.total, stats.total_duration, stats.total_cost_micro_cents), (4, 121, 2_500_000));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(stats.average_duration, 60.5) && close(stats.answer_rate, 0.5) && close(stats.total_cost, 2.5));
        assert_eq!(
            Value::Object(stats.by_status),
            json!({"initiated": 0, "ringing": 1, "in_progress": 0, "completed": 2, "failed": 0, "busy": 1, "no_answer": 0})
        );
        assert_eq!(Value::Object(stats.by_direction), json!({"inbound": 4, "outbound": 0}));
    }

    #[test]
    fn nothing_at_all_has_no_average_and_no_rate() {
        let stats = CallStats::new(&Breakdown::default(), None, None);
        let nothing = |value: f64| value.abs() < 1e-9;
        assert!(nothing(stats.average_duration) && nothing(stats.answer_rate) && nothing(stats.total_cost));
    }
}
