//! Sums do not depend on how calls are grouped, and a filter keeps the same calls one by one as in sums.

use proptest::prelude::*;

use super::*;
use crate::{CallId, EndpointId, NumberId, Timestamp};

fn at(millis: i64) -> Timestamp {
    "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap().plus_millis(millis)
}

fn number(n: u8) -> NumberId {
    NumberId::new(at(0), [n; 10])
}

fn endpoint(n: u8) -> EndpointId {
    EndpointId::new(at(0), [n; 10])
}

/// Any call: few values of each fact, so that filters meet some.
fn any_call() -> impl Strategy<Value = (CallId, Counted)> {
    let facts = (0..7_usize, any::<bool>(), proptest::option::of(0..3_u8), proptest::option::of(0..3_u8));
    let sums = (any::<bool>(), 0..90_u32, 0..5_000_000_u64, 0..1_000_i64, any::<[u8; 10]>());
    (facts, sums).prop_map(|((status, inbound, number_id, endpoint_id), (answered, duration, cost, after, random))| {
        let call = Counted {
            status: CallStatus::ALL[status],
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            number_id: number_id.map(number),
            endpoint_id: endpoint_id.map(endpoint),
            answered,
            duration,
            cost_micro_cents: cost,
        };
        (CallId::new(at(after), random), call)
    })
}

proptest! {
    #[test]
    fn sums_are_the_same_however_calls_are_grouped(calls in proptest::collection::vec(any_call(), 0..40), split in 0..40_usize) {
        let mut whole = Breakdown::default();
        calls.iter().for_each(|(_, call)| whole.count(call));
        let (first, second) = calls.split_at(split.min(calls.len()));
        let mut parts = Breakdown::default();
        for part in [second, first] {
            let mut sums = Breakdown::default();
            part.iter().for_each(|(_, call)| sums.count(call));
            parts += &sums;
        }
        prop_assert_eq!(&whole, &parts);
        prop_assert_eq!(whole.calls(), i64::try_from(calls.len()).unwrap());
    }

    #[test]
    fn what_a_filter_keeps_of_the_sums_is_the_sum_of_what_it_takes(
        calls in proptest::collection::vec(any_call(), 0..40),
        status in proptest::option::of(0..7_usize),
        inbound in proptest::option::of(any::<bool>()),
    ) {
        let direction = inbound.map(|inbound| if inbound { Direction::Inbound } else { Direction::Outbound });
        let filter = CallFilter { status: status.map(|at| CallStatus::ALL[at]), direction, ..CallFilter::default() };
        let (mut all, mut taken) = (Breakdown::default(), Breakdown::default());
        for (id, call) in &calls {
            all.count(call);
            if filter.takes(*id, call) {
                taken.count(call);
            }
        }
        prop_assert_eq!(all.kept(&filter), taken);
    }

    #[test]
    fn every_call_is_live_or_over_and_one_of_the_two_is_wanted((id, call) in any_call(), status in 0..7_usize) {
        let filter = CallFilter { status: Some(CallStatus::ALL[status]), ..CallFilter::default() };
        if filter.takes(id, &call) {
            prop_assert_eq!(filter.wants_ended(), call.status.is_terminal());
            prop_assert_eq!(filter.wants_live(), !call.status.is_terminal());
        }
    }
}

#[test]
fn a_time_range_takes_its_first_instant_and_not_its_last() {
    let filter = CallFilter { from: Some(at(0)), until: Some(at(10)), ..CallFilter::default() };
    assert!(filter.covers(at(0)) && filter.covers(at(9)));
    assert!(!filter.covers(at(-1)) && !filter.covers(at(10)));
}

#[test]
fn statuses_and_directions_read_back_and_take_the_spellings_of_filters() {
    for status in CallStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    for direction in Direction::ALL {
        assert_eq!(direction.as_str().parse(), Ok(direction));
    }
    assert_eq!("no-answer".parse(), Ok(CallStatus::NoAnswer));
    assert_eq!("answered".parse(), Ok(CallStatus::InProgress));
    assert!("Completed".parse::<CallStatus>().is_err());
}
