//! Requests that are no organization's: of who is refused before it is known whose they are, on paths that are none or need no
//! key, and of users who ask for their organizations. Each process counts them by itself and asks no table, whatever comes.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use domain::{UserId, rate::Rate};
use runtime::Clock;

use super::{
    micros,
    told::{Quota, Told},
};
use crate::problem::Problem;

/// The most of them that a process knows of.
const STRANGERS: usize = 1_000;

/// How many of an IPv6 address's bits tell who it is: whoever has one address has the network of its first 64 bits.
const NETWORK_BITS: u32 = 64;

/// Who asks, where no organization does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stranger(Known);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Known {
    /// By this address or network; `None` if the gateway saw none.
    Address(Option<IpAddr>),
    User(UserId),
}

impl Stranger {
    /// Somebody at this address.
    pub(crate) fn at(address: Option<IpAddr>) -> Self {
        Self(Known::Address(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> NETWORK_BITS << NETWORK_BITS).into(),
            address @ IpAddr::V4(_) => address,
        })))
    }

    /// A user of whom it does not matter in which organizations.
    pub(crate) const fn user(user: UserId) -> Self {
        Self(Known::User(user))
    }
}

/// Counts requests that are no organization's, for the address or the user they come from; a thousand of those are remembered.
/// Clones count together.
#[derive(Debug, Clone)]
pub struct Strangers {
    rate: Rate,
    clock: Clock,
    /// When the bucket of each is full again, in microseconds since 1970.
    full_at: Arc<Mutex<HashMap<Stranger, i64>>>,
}

impl Strangers {
    /// Each of them may ask so much of this process.
    #[must_use]
    pub fn new(rate: Rate, clock: Clock) -> Self {
        Self { rate, clock, full_at: Arc::default() }
    }

    /// Counts a request, unless it was counted before.
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED` for one too many.
    pub(crate) fn pass(&self, stranger: Stranger, told: &Told) -> Result<(), Problem> {
        if !told.is_open() {
            return Ok(());
        }
        let now = micros(self.clock.now());
        let (quota, passed) = self.count(stranger, now);
        told.count(quota, passed.is_ok());
        passed.map_err(|until| Problem::rate_limited(until.saturating_sub(now)))
    }

    /// Counts a request at this instant: what is left, and if it may not pass until when none can.
    fn count(&self, stranger: Stranger, now: i64) -> (Quota, Result<(), i64>) {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut full_at = all.get(&stranger).copied().unwrap_or_default().max(now);
        let one = self.rate.one_from(full_at);
        let passed = if one > now { Err(one) } else { Ok(()) };
        if passed.is_ok() {
            full_at = full_at.saturating_add(self.rate.micros_for(1));
            // Forgotten is who asked least of all: to forget is to give back.
            if all.len() >= STRANGERS && !all.contains_key(&stranger) {
                let least = all.iter().min_by_key(|(_, full_at)| **full_at).map(|(stranger, _)| *stranger);
                least.and_then(|least| all.remove(&least));
            }
            all.insert(stranger, full_at);
        }
        (Quota::new(self.rate.burst(), self.rate.held(full_at, now), full_at), passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(address: &str) -> Stranger {
        Stranger::at(Some(address.parse().unwrap()))
    }

    fn passed(strangers: &Strangers, stranger: Stranger, now: i64) -> usize {
        (0..300).take_while(|_| strangers.count(stranger, now).1.is_ok()).count()
    }

    #[test]
    fn each_stranger_may_ask_its_burst_and_then_as_much_as_the_rate_lets() {
        let strangers = Strangers::new("5/20".parse().unwrap(), Clock::System);
        let (one, other) = (at("203.0.113.7"), at("203.0.113.8"));
        assert_eq!((passed(&strangers, one, SECOND), passed(&strangers, other, SECOND)), (20, 20));
        let (quota, refused) = strangers.count(one, SECOND);
        assert_eq!((quota.limit, quota.remaining, quota.reset, refused), (20, 0, 5, Err(SECOND + 200_000)));
        assert_eq!(passed(&strangers, one, SECOND + 199_999), 0);
        assert_eq!(passed(&strangers, one, SECOND + 200_000), 1, "at the time that was told");
        assert_eq!(passed(&strangers, one, 3 * SECOND + 200_000), 10);
        assert_eq!(strangers.count(Stranger::at(None), SECOND).0.remaining, 19);
    }

    #[test]
    fn the_addresses_of_one_network_are_one_stranger_and_users_are_none_of_them() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1:2:3"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:203.0.113.7"), at("203.0.113.7"));
        let user = |n| Stranger::user(UserId::from_uuid(uuid::Uuid::from_u128(n)));
        assert_ne!(user(1), user(2));
    }

    #[test]
    fn a_full_memory_forgets_who_asked_least() {
        let strangers = Strangers::new(Rate::DEFAULT, Clock::System);
        let busy = at("203.0.113.7");
        assert_eq!(passed(&strangers, busy, SECOND), 100);
        for n in 0..u32::try_from(STRANGERS).unwrap() * 2 {
            strangers.count(Stranger::at(Some(std::net::Ipv4Addr::from_bits(n).into())), SECOND).1.unwrap();
        }
        assert_eq!(strangers.full_at.lock().unwrap().len(), STRANGERS);
        assert_eq!(passed(&strangers, busy, SECOND), 0, "who asked much is remembered");
    }
}
