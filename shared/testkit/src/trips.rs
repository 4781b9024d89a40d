//! How often a function has to wait for AWS, whichever service it waits for: requests that are on their way at the same time
//! are one trip.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
    },
    error::BoxError,
};

/// The trips so far. Clones count into one log.
#[derive(Debug, Clone, Default)]
pub struct Trips(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    on_their_way: usize,
    trips: Vec<Vec<&'static str>>,
}

/// Counts what one client sends.
#[derive(Debug, Clone)]
pub struct Watch {
    trips: Trips,
    service: &'static str,
}

impl Trips {
    /// What counts the requests of a client of this service.
    #[must_use]
    pub fn of(&self, service: &'static str) -> Watch {
        Watch { trips: self.clone(), service }
    }

    /// The trips since the last time: of each the services that were asked, in the order of their names.
    #[must_use]
    pub fn take(&self) -> Vec<Vec<&'static str>> {
        let mut trips = std::mem::take(&mut self.0.lock().unwrap().trips);
        trips.iter_mut().for_each(|trip| trip.sort_unstable());
        trips
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Log { on_their_way, trips } = &mut *self.trips.0.lock().unwrap();
        match trips.last_mut() {
            Some(trip) if *on_their_way > 0 => trip.push(self.service),
            _ => trips.push(vec![self.service]),
        }
        *on_their_way += 1;
        Ok(())
    }

    fn read_after_attempt(&self, _: &FinalizerInterceptorContextRef<'_>, _: &RuntimeComponents, _: &mut ConfigBag) -> Result<(), BoxError> {
        let mut log = self.trips.0.lock().unwrap();
        log.on_their_way = log.on_their_way.saturating_sub(1);
        Ok(())
    }
}
