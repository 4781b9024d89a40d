//! What deliveries are narrowed to: the same names in a list's query and in a replay's body.

use std::{fmt::Display, str::FromStr};

use api::{Fields, Query};
use domain::{EndpointId, RangeEnd, SubscriptionId, Timestamp, delivery::DeliveryFilter, webhook::EventFilter};
use uuid::Uuid;

/// Where the parts of a filter are read from.
pub(crate) trait Source {
    /// A part's text.
    fn part(&mut self, name: &str) -> Option<String>;
    /// Notes a fault.
    fn wrong(&mut self, name: &str, problem: &dyn Display);
}

impl Source for Query {
    fn part(&mut self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    fn wrong(&mut self, name: &str, problem: &dyn Display) {
        self.fault(name, problem);
    }
}

impl Source for Fields {
    fn part(&mut self, name: &str) -> Option<String> {
        self.text(name)
    }

    fn wrong(&mut self, name: &str, problem: &dyn Display) {
        self.fault(name, problem);
    }
}

/// The names under which an end of the range is taken.
const STARTS: [&str; 3] = ["start_date", "from_date", "from"];
const ENDS: [&str; 3] = ["end_date", "to_date", "to"];

/// Reads a filter; faults are noted.
pub(crate) fn read(source: &mut impl Source) -> DeliveryFilter {
    let filter = DeliveryFilter {
        receiver: receiver(source),
        call: parsed(source, "call_id"),
        event: event(source),
        status: parsed(source, "status"),
        from: end(source, STARTS, RangeEnd::First),
        until: end(source, ENDS, RangeEnd::Last),
    };
    if filter.from.zip(filter.until).is_some_and(|(from, until)| until <= from) {
        source.wrong("end_date", &"must not be before start_date");
    }
    filter
}

/// A filter as text: equal for equal filters, and for no others.
pub(crate) fn name(filter: &DeliveryFilter) -> String {
    let DeliveryFilter { receiver, call, event, status, from, until } = filter;
    let time = |time: &Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
    let (receiver, call) = (receiver.map_or_else(String::new, |id| id.to_string()), call.map_or_else(String::new, |id| id.to_string()));
    let status = status.map_or("", |status| status.as_str());
    format!("{receiver} {call} {} {status} {} {}", event.as_deref().unwrap_or_default(), time(from), time(until))
}

/// A receiver by one of three names: an endpoint, a subscription, or either.
fn receiver(source: &mut impl Source) -> Option<Uuid> {
    let endpoint = parsed::<EndpointId>(source, "endpoint_id").map(EndpointId::as_uuid);
    let subscription = parsed::<SubscriptionId>(source, "subscription_id").map(SubscriptionId::as_uuid);
    let either = source.part("receiver_id").and_then(|text| {
        let id = text.parse().map(EndpointId::as_uuid).or_else(|_| text.parse().map(SubscriptionId::as_uuid));
        id.map_err(|error| source.wrong("receiver_id", &error)).ok()
    });
    let mut named = [endpoint, subscription, either].into_iter().flatten();
    let first = named.next();
    if named.any(|other| Some(other) != first) {
        source.wrong("receiver_id", &"must be the one receiver that endpoint_id or subscription_id names");
    }
    first
}

fn event(source: &mut impl Source) -> Option<String> {
    let text = source.part("event")?;
    if text.contains('*') || EventFilter::parse(vec![text.clone()]).is_err() {
        source.wrong("event", &"must be an event name such as call.completed");
    }
    Some(text)
}

fn parsed<T: FromStr>(source: &mut impl Source, name: &str) -> Option<T>
where
    T::Err: Display,
{
    let text = source.part(name)?;
    text.parse().map_err(|error| source.wrong(name, &error)).ok()
}

/// One end of the range, under one of its names.
fn end(source: &mut impl Source, names: [&str; 3], which: RangeEnd) -> Option<Timestamp> {
    let mut found: Option<(&str, String)> = None;
    for name in names {
        match (source.part(name), &found) {
            (Some(text), Some((first, said))) if text != *said => source.wrong(name, &format!("says something else than {first}")),
            (Some(text), None) => found = Some((name, text)),
            _ => {}
        }
    }
    let (name, text) = found?;
    which.read(&text).map_err(|error| source.wrong(name, &error)).ok()
}

#[cfg(test)]
mod tests {
    use domain::delivery::DeliveryStatus;

    use super::*;

    const ID: &str = "0198c0de-0000-7000-8000-000000000001";
    const OTHER: &str = "0198c0de-0000-7000-8000-000000000002";

    fn asked(raw: &str) -> Option<DeliveryFilter> {
        let mut query = Query::parse(raw);
        let filter = read(&mut query);
        query.finish().ok().map(|()| filter)
    }

    #[test]
    fn a_receiver_is_known_by_three_names() {
        let id = ID.parse().ok();
        for raw in ["endpointId=", "subscription_id=wh_", "receiver_id=", "receiver_id=wh_", "receiver_id=ep_"] {
            assert_eq!(asked(&format!("{raw}{ID}")).unwrap().receiver, id, "{raw}");
        }
        assert_eq!(asked(&format!("receiver_id={ID}&endpoint_id={ID}")).unwrap().receiver, id);
        assert_eq!(asked(&format!("receiver_id={ID}&endpoint_id={OTHER}")), None);
    }

    #[test]
    fn a_range_includes_both_its_ends() {
        let range = |raw: &str| {
            let filter = asked(raw).unwrap();
            (filter.from.unwrap().to_string(), filter.until.unwrap().to_string())
        };
        let days = ("2026-01-02T00:00:00.000Z".to_owned(), "2026-01-04T00:00:00.000Z".to_owned());
        assert_eq!(range("start_date=2026-01-02&end_date=2026-01-03"), days);
        assert_eq!(range("from=2026-01-02&toDate=2026-01-03"), days);
        let times = ("2026-01-02T03:04:05.000Z".to_owned(), "2026-01-02T03:04:05.001Z".to_owned());
        assert_eq!(range("start_date=2026-01-02T03:04:05Z&end_date=2026-01-02T04:04:05%2B01:00"), times);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for raw in [
            "status=done",
            "endpoint_id=x",
            "receiver_id=num_0198c0de-0000-7000-8000-000000000001",
            "call_id=1",
            "event=call.*",
            "event=",
            "start_date=yesterday",
            "end_date=2026-02-30",
            "start_date=2026-01-03&end_date=2026-01-02",
            "start_date=2026-01-02&from=2026-01-03",
        ] {
            assert_eq!(asked(raw), None, "{raw}");
        }
    }

    #[test]
    fn filters_have_a_name_each() {
        let all = asked(&format!("receiver_id={ID}&call_id={OTHER}&event=call.ended&status=dead&from=2026-01-02&to=2026-01-02")).unwrap();
        assert_eq!(all.status, Some(DeliveryStatus::Dead));
        let rest = "call.ended dead 2026-01-02T00:00:00.000Z 2026-01-03T00:00:00.000Z";
        assert_eq!(name(&all), format!("{ID} {OTHER} {rest}"));
        let of_call = DeliveryFilter { call: OTHER.parse().ok(), ..DeliveryFilter::default() };
        let of_receiver = DeliveryFilter { receiver: OTHER.parse().ok(), ..DeliveryFilter::default() };
        assert_ne!(name(&of_call), name(&of_receiver));
    }
}
