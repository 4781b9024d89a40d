//! One call on its way: what it comes to, and what the queue is told of it meanwhile.

use std::time::Duration;

use carriers::VoiceRequest;
use domain::{
    CredentialId,
    call::CallEvent,
    carrier::Carrier,
    number::PhoneNumber,
    route::{Answer, Asked, Decision, Reason, Refusal, Route, SipTarget, route},
};
use store::{StoreError, Tenant};

use crate::{
    State,
    answer::Outcome,
    ask::Question,
    events::{CallName, refused},
    find::Found,
};

/// How long an answer may wait for the queue. Carriers wait for 3 s at least, and the table is asked within them too.
const TELLING: Duration = Duration::from_millis(600);

/// A call to a number that an organization holds.
pub(crate) struct Call<'a> {
    state: &'a State,
    tenant: Tenant,
    signed_by: CredentialId,
    carrier: Carrier,
    carrier_call_id: String,
    name: CallName,
    /// The event that there is a call.
    initiated: CallEvent,
    /// Whether the queue has it.
    is_told: bool,
}

impl<'a> Call<'a> {
    /// A call that its carrier asks about; `None` if no call can have the id that it was given.
    pub(crate) fn new(state: &'a State, tenant: Tenant, signed_by: CredentialId, request: &VoiceRequest) -> Option<Self> {
        let carrier = request.carrier;
        Some(Self {
            state,
            tenant,
            signed_by,
            carrier,
            name: CallName::read(&request.carrier_call_id)?,
            carrier_call_id: request.carrier_call_id.clone(),
            initiated: request.event(state.clock.now()),
            is_told: false,
        })
    }

    /// Finds out where the call goes. Whether the queue takes what it is told changes nothing: the carrier will tell more.
    pub(crate) async fn routed(mut self, number: Result<Option<PhoneNumber>, StoreError>) -> Outcome {
        let number = match number {
            Ok(Some(number)) => number,
            // Given up between two reads.
            Ok(None) => return Reason::UnknownNumber.into(),
            Err(error) => return self.unavailable(error).await,
        };
        self.initiated.parties.phone_number_id = Some(number.id);
        let blind = self.route(&number, &Found::default());
        if !blind.waits_for_endpoints() {
            return self.decided(blind.decision, &number, &Found::default()).await;
        }
        let (found, is_told) = tokio::join!(self.state.endpoints(self.tenant, &number), self.tell(std::slice::from_ref(&self.initiated)));
        self.is_told = is_told;
        match found {
            Ok(found) => self.decided(self.route(&number, &found).decision, &number, &found).await,
            Err(error) => self.unavailable(error).await,
        }
    }

    fn route(&self, number: &PhoneNumber, found: &Found) -> Route {
        let (signed_by, endpoints) = (Some(self.signed_by), found.as_endpoints());
        route(&Asked { number: Some(number), signed_by, endpoints, at: self.state.clock.now() })
    }

    async fn decided(&self, decision: Decision, number: &PhoneNumber, found: &Found) -> Outcome {
        match decision {
            Decision::Dial(target) => self.dial(target).await,
            Decision::Ask(listener) => match self.ask(number, found).await {
                Answer::Sip(uri) => Outcome::Sip(SipTarget::named(listener.endpoint, &uri), None),
                Answer::Number(number) => Outcome::Number(number),
                Answer::Refuse(refusal) => self.refuse(refusal).await,
            },
            Decision::Refuse(refusal) => self.refuse(refusal).await,
        }
    }

    async fn dial(&self, target: SipTarget) -> Outcome {
        match self.state.password(self.tenant, &target).await {
            Ok(password) => Outcome::Sip(target, password),
            Err(error) => self.unavailable(error).await,
        }
    }

    async fn ask(&self, number: &PhoneNumber, found: &Found) -> Answer {
        let Some(endpoint) = found.chosen() else { return Answer::Refuse(Reason::EndpointGone.into()) };
        let Self { tenant, carrier, .. } = *self;
        let question = Question { tenant, carrier: Some(carrier), name: &self.name, initiated: &self.initiated, number, endpoint };
        self.state.ask(&question).await
    }

    /// Tells the queue why a call is not connected.
    async fn refuse(&self, refusal: Refusal) -> Outcome {
        tracing::info!(organization_id = %self.tenant.org, reason = refusal.reason.as_str(), "a call was not connected");
        let end = refused(self.carrier, &self.carrier_call_id, &self.initiated, &refusal);
        let events = if self.is_told { vec![end] } else { vec![self.initiated.clone(), end] };
        self.tell(&events).await;
        Outcome::Refused(refusal)
    }

    /// Tells the queue, and waits no longer than the caller should: what it did not take in time counts as not told.
    async fn tell(&self, events: &[CallEvent]) -> bool {
        tokio::time::timeout(TELLING, self.state.tell(self.tenant, &self.name, events)).await.unwrap_or(false)
    }

    async fn unavailable(&self, error: impl std::fmt::Display + Send) -> Outcome {
        tracing::error!(organization_id = %self.tenant.org, cause = %error, "a call could not be routed");
        self.refuse(Reason::Unavailable.into()).await
    }
}
