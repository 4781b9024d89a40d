//! One call on its way: what it comes to, and what the queue is told of it meanwhile.

use std::time::Duration;

use carriers::VoiceRequest;
use domain::{
    CallId, CredentialId, NumberId,
    call::CallEvent,
    callback::CallMark,
    carrier::Carrier,
    number::{Claim, PhoneNumber},
    route::{Answer, Asked, Decision, Reason, Refusal, Route, SipTarget, route},
};
use store::{StoreError, Tenant};

use crate::{
    State,
    answer::Outcome,
    ask::Question,
    door::Knock,
    events::{CallName, refused},
    find::{Found, Seen},
    whose,
};

/// How long an answer may wait for the queue. Carriers wait for 3 s at least, and the table is asked within them too.
pub(crate) const TELLING: Duration = Duration::from_millis(600);

/// A call of an organization.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    state: &'a State,
    tenant: Tenant,
    /// Whose credential signed.
    holder: Tenant,
    signed_by: CredentialId,
    carrier: Carrier,
    carrier_call_id: String,
    name: CallName,
    /// The id under which it is stored, once that is decided.
    id: Option<CallId>,
    /// Who holds the number.
    claim: Option<Claim>,
    /// The event that there is a call.
    initiated: CallEvent,
    /// Whether the queue has it.
    is_told: bool,
}

impl<'a> Call<'a> {
    /// A call that its carrier asks about, to the number of a claim if one was found; `None` if no call can have the id that
    /// it was given.
    pub(crate) fn new(state: &'a State, tenant: Tenant, knock: &Knock, request: &VoiceRequest, claim: Option<Claim>) -> Option<Self> {
        let mut initiated = request.event(state.clock.now());
        initiated.parties.phone_number_id = claim.as_ref().map(|claim| claim.number_id);
        Some(Self {
            state,
            tenant,
            holder: knock.holder(),
            signed_by: knock.token.credential,
            carrier: request.carrier,
            name: CallName::read(&request.carrier_call_id)?,
            carrier_call_id: request.carrier_call_id.clone(),
            id: None,
            claim,
            initiated,
            is_told: false,
        })
    }

    /// Whose it is.
    pub(crate) const fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// The organization's record of the number, as who holds it tells.
    pub(crate) fn held(&self) -> Option<(Tenant, NumberId)> {
        self.claim.as_ref().map(|claim| (self.tenant, claim.number_id))
    }

    pub(crate) const fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// Decides under which id it is stored, if an endpoint that is asked would see that. What comes of it is kept for then; where the
    /// table did not take it, it is tried again.
    pub(crate) async fn stored(&self) -> Option<CallId> {
        let CallName::Alias(alias) = &self.name else { return None };
        if self.name.shown_as(self.initiated.timestamp).is_some() {
            return None;
        }
        self.state.table.name_new_call(self.tenant, alias, self.initiated.timestamp).await.ok()
    }

    /// The same, stored under this id.
    pub(crate) fn stored_as(self, id: Option<CallId>) -> Self {
        Self { id, ..self }
    }

    /// Finds out where the call goes. Whether the queue takes what it is told changes nothing: the carrier will tell more.
    pub(crate) async fn routed(&mut self, seen: Seen) -> Outcome {
        let number = match seen.number {
            Ok(Some(number)) => number,
            // Nobody's, somebody else's, or given up between two reads.
            Ok(None) => return self.refuse(Reason::UnknownNumber.into()).await,
            Err(error) => return self.unavailable(error).await,
        };
        let blind = self.route(&number, &Found::default());
        if !blind.waits_for_endpoints() {
            return self.decided(blind.decision, &number, &Found::default()).await;
        }
        let found = match seen.guessed.of(&number) {
            Some(found) => found,
            None => Box::pin(self.looked_up(&number)).await,
        };
        match found {
            Ok(found) => self.decided(self.route(&number, &found).decision, &number, &found).await,
            Err(error) => self.unavailable(error).await,
        }
    }

    /// The endpoints of a number whose claim does not name them, and has it name them for the next call.
    async fn looked_up(&mut self, number: &PhoneNumber) -> Result<Found, StoreError> {
        let note = async {
            let Some(claim) = &self.claim else { return };
            if let Err(error) = self.state.table.note_rings(self.tenant.mode(), claim, &number.named_endpoints()).await {
                tracing::warn!(%error, "what a number rings was not noted");
            }
        };
        let note = tokio::time::timeout(TELLING, note);
        let (found, _, is_told) = tokio::join!(self.state.endpoints(self.tenant, number), note, self.told());
        self.is_told = is_told;
        found
    }

    fn route(&self, number: &PhoneNumber, found: &Found) -> Route {
        let (signed_by, endpoints) = (Some(self.signed_by), found.as_endpoints());
        route(&Asked { number: Some(number), signed_by, endpoints, at: self.state.clock.now() })
    }

    async fn decided(&mut self, decision: Decision, number: &PhoneNumber, found: &Found) -> Outcome {
        match decision {
            Decision::Dial(target) => self.dial(target).await,
            Decision::Ask(listener) => {
                let (answer, is_told) = tokio::join!(self.ask(number, found), self.told());
                self.is_told = is_told;
                match answer.of_call_to(number) {
                    Answer::Sip(uri) => Outcome::Sip(SipTarget::named(listener.endpoint, &uri), None),
                    Answer::Number(number) => Outcome::Number(number),
                    Answer::Refuse(refusal) => self.refuse(refusal).await,
                }
            }
            Decision::Refuse(refusal) => self.refuse(refusal).await,
        }
    }

    async fn dial(&mut self, target: SipTarget) -> Outcome {
        let (password, is_told) = tokio::join!(self.state.password(self.tenant, &target), self.told());
        self.is_told = is_told;
        match password {
            Ok(password) => Outcome::Sip(target, password),
            Err(error) => self.unavailable(error).await,
        }
    }

    async fn ask(&self, number: &PhoneNumber, found: &Found) -> Answer {
        let Some(endpoint) = found.chosen() else { return Answer::Refuse(Reason::EndpointGone.into()) };
        let Self { tenant, carrier, id, .. } = *self;
        let question = Question { tenant, carrier: Some(carrier), name: &self.name, id, initiated: &self.initiated, number, endpoint };
        self.state.ask(&question).await
    }

    /// Tells the queue that there is a call, if it does not have that yet.
    async fn told(&self) -> bool {
        self.is_told || self.tell(std::slice::from_ref(&self.initiated)).await
    }

    /// Tells the queue why the call is not connected.
    pub(crate) async fn refuse(&self, refusal: Refusal) -> Outcome {
        tracing::info!(organization_id = %self.tenant.org(), reason = refusal.reason.as_str(), "a call was not connected");
        let end = refused(self.carrier, &self.carrier_call_id, &self.initiated, &refusal);
        let events = if self.is_told { vec![end] } else { vec![self.initiated.clone(), end] };
        self.tell(&events).await;
        Outcome::Refused(refusal)
    }

    /// Tells the queue, and waits no longer than the caller should: what it did not take in time counts as not told.
    async fn tell(&self, events: &[CallEvent]) -> bool {
        let telling = async { tokio::join!(self.state.tell(self.tenant, &self.name, events), self.carried()).0 };
        tokio::time::timeout(TELLING, Box::pin(telling)).await.unwrap_or(false)
    }

    /// Notes whose call it is where the credential does not say: what the carrier tells of it later may name no URL of the
    /// answer's XML, and the number may have changed hands by then.
    async fn carried(&self) {
        if self.is_told || !whose::is_platform(self.holder) {
            return;
        }
        let (call, now) = (CallMark::of(&self.carrier_call_id), self.state.clock.now());
        if let Err(error) = self.state.table.note_carried(self.holder, self.signed_by, &call, self.tenant.org(), now).await {
            tracing::error!(organization_id = %self.tenant.org(), %error, "whose call it is was not noted");
        }
    }

    /// Tells the queue that something is away that is needed.
    pub(crate) async fn unavailable(&self, error: impl std::fmt::Display + Send) -> Outcome {
        tracing::error!(organization_id = %self.tenant.org(), cause = %error, "a call could not be routed");
        self.refuse(Reason::Unavailable.into()).await
    }
}
