//! Realistic calls in any number, the same ones for the same seed: for trying lists and statistics at size.

use domain::{
    CallId, Day, EndpointId, NumberId, Timestamp,
    call::{CallEvent, CallRecord, CallStatus, Direction, EventId, EventKind, Facts, HangupReason, Parties, Route, apply},
};
use serde_json::json;
use store::{StoreError, Table, Tenant};

/// How many calls are written together.
const TOGETHER: usize = 2_000;

const DAY_MILLIS: i64 = 86_400_000;

/// How busy the hours of a day are, from midnight on.
const HOURS: [u64; 24] = [1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 12, 10, 12, 14, 14, 12, 10, 8, 6, 4, 3, 2, 1];

/// A generator of numbers that only look random: splitmix64, after Steele, Lea and Flood (2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number, below a bound.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.roll().to_be_bytes()[0])
    }

    /// The same items in another order.
    pub fn shuffled<T>(&mut self, mut items: Vec<T>) -> Vec<T> {
        for last in (1..items.len()).rev() {
            let pick = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(pick).unwrap_or(last));
        }
        items
    }
}

/// Which calls are to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many.
    pub count: usize,
    /// The first day on which some begin.
    pub first: Day,
    /// The day after the last one.
    pub end: Day,
    /// The numbers they come to and go out from.
    pub numbers: Vec<NumberId>,
    /// The endpoints to which they are routed.
    pub endpoints: Vec<EndpointId>,
    /// What makes them the same ones again.
    pub seed: u64,
}

impl Plan {
    /// So many calls of the year up to a day, over eight numbers and four endpoints that exist in the calls alone.
    #[must_use]
    pub fn of_a_year(count: usize, today: Day, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let born = today.plus(-365).start();
        let numbers = (0..8).map(|_| NumberId::new(born, dice.bytes())).collect();
        let endpoints = (0..4).map(|_| EndpointId::new(born, dice.bytes())).collect();
        Self { count, first: today.plus(-364), end: today, numbers, endpoints, seed }
    }

    /// The calls, oldest first, all of them over.
    pub fn calls(&self) -> impl Iterator<Item = CallRecord> {
        let mut dice = Dice::new(self.seed);
        let days = u64::try_from(self.end.days_since(self.first)).unwrap_or(1).max(1);
        let mut times: Vec<i64> = (0..self.count).map(|_| moment(&mut dice, days)).collect();
        times.sort_unstable();
        let (start, plan) = (self.first.start(), self.clone());
        times.into_iter().map(move |after| call(&mut dice, start.plus_millis(after), &plan))
    }

    /// Writes the calls. `progress` is told how many are written, again and again.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn load(&self, table: &Table, tenant: Tenant, mut progress: impl FnMut(u64)) -> Result<(), StoreError> {
        let mut calls = self.calls();
        let mut written = 0;
        loop {
            let some: Vec<CallRecord> = calls.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                return Ok(());
            }
            table.load_calls(tenant, &some).await?;
            written += some.len() as u64;
            progress(written);
        }
    }
}

/// Milliseconds after the first day's beginning: any day, and an hour by how busy it is.
fn moment(dice: &mut Dice, days: u64) -> i64 {
    let mut left = dice.below(HOURS.iter().sum());
    let hour = HOURS.iter().position(|weight| {
        let here = left < *weight;
        left = left.saturating_sub(*weight);
        here
    });
    let day = i64::try_from(dice.below(days)).unwrap_or(0);
    let hour = i64::try_from(hour.unwrap_or(0)).unwrap_or(0);
    day * DAY_MILLIS + hour * 3_600_000 + i64::try_from(dice.below(3_600_000)).unwrap_or(0)
}

/// One call with three to nine events: seven of ten are answered, three of ten go out.
pub fn call(dice: &mut Dice, at: Timestamp, plan: &Plan) -> CallRecord {
    let id = CallId::new(at, dice.bytes());
    let mut record = CallRecord::new(id);
    let direction = if dice.below(10) < 7 { Direction::Inbound } else { Direction::Outbound };
    let parties = parties(dice, direction);
    let status = match dice.below(100) {
        0..70 => CallStatus::Completed,
        70..85 => CallStatus::NoAnswer,
        85..93 => CallStatus::Busy,
        _ => CallStatus::Failed,
    };
    let mut told = Vec::new();
    let mut tell = |after_ms: i64, kind: EventKind, facts: Facts| told.push((after_ms, kind, facts));
    tell(0, EventKind::Initiated, Facts::default());
    tell(1_000, EventKind::Ringing, Facts::default());
    if status == CallStatus::Completed {
        answered(dice, id, &mut tell);
    } else {
        let cause = match status {
            CallStatus::Busy => "USER_BUSY",
            CallStatus::NoAnswer => "NO_ANSWER",
            _ => "NETWORK_OUT_OF_ORDER",
        };
        tell(20_000, EventKind::Failed, Facts { hangup_cause: Some(cause.to_owned()), ..Facts::default() });
    }
    for (sequence, (after_ms, kind, facts)) in (0..).zip(told) {
        let timestamp = at.plus_millis(after_ms);
        apply(&mut record, CallEvent { id: event_id(dice), kind, timestamp, sequence: Some(sequence), parties: parties.clone(), facts });
    }
    // Every number rings one endpoint.
    let line = usize::try_from(dice.below(plan.numbers.len().max(1) as u64)).unwrap_or(0);
    let endpoint_id = plan.endpoints.get(line % plan.endpoints.len().max(1)).copied();
    record.route = plan.numbers.get(line).map(|number_id| Route { number_id: *number_id, endpoint_id, found_by: event_id(dice) });
    record
}

fn answered(dice: &mut Dice, id: CallId, tell: &mut impl FnMut(i64, EventKind, Facts)) {
    let talk_ms = 5_000 + i64::try_from(dice.below(400_000)).unwrap_or(0);
    let latency_ms = Some(80 + u32::try_from(dice.below(200)).unwrap_or(0));
    tell(6_000, EventKind::Answered, Facts { latency_ms, ..Facts::default() });
    for note in 0..i64::try_from(dice.below(4)).unwrap_or(0) {
        tell(7_000 + note, EventKind::Other("agent.note".into()), Facts::default());
    }
    let end = Facts {
        cost_micro_cents: Some(dice.below(9_000_000)),
        hangup_cause: Some("NORMAL_CLEARING".to_owned()),
        hangup_reason: Some(HangupReason::UserHangup),
        ..Facts::default()
    };
    tell(6_000 + talk_ms, EventKind::Completed, end);
    let recording_url = Some(format!("https://recordings.example.com/{id}.mp3"));
    tell(12_000 + talk_ms, EventKind::RecordingReady, Facts { recording_url, ..Facts::default() });
    let facts = Facts {
        transcript: Some("Agent: Good morning, how can I help?\nCaller: I would like to move my appointment.".to_owned()),
        metadata: json!({"campaign": "spring", "agent": format!("a-{}", dice.below(40))}).as_object().cloned(),
        ..Facts::default()
    };
    tell(20_000 + talk_ms, EventKind::TranscriptReady, facts);
}

fn parties(dice: &mut Dice, direction: Direction) -> Parties {
    let (own, other) = (format!("+234803{:07}", dice.below(8)), format!("+234809{:07}", dice.below(10_000_000)));
    let (from, to) = if direction == Direction::Inbound { (other, own) } else { (own, other) };
    Parties {
        from_number: Some(from),
        to_number: Some(to),
        direction: Some(direction),
        carrier: Some("twilio".to_owned()),
        carrier_call_id: Some(format!("CA{:016x}{:016x}", dice.roll(), dice.roll())),
        ..Parties::default()
    }
}

fn event_id(dice: &mut Dice) -> EventId {
    format!("evt_{:016x}", dice.roll()).parse().expect("an event id")
}
