//! A webhook endpoint is asked where a call goes: one signed request, and an answer that is not trusted.

use domain::{
    CallId, Timestamp,
    call::{CallEvent, CallRecord, Route, apply},
    carrier::Carrier,
    endpoint::Endpoint,
    number::PhoneNumber,
    route::{Answer, Reason},
    secret::{Sealed, SecretKind},
    webhook::{delivery_id, event_id},
    wire::{self, Envelope},
};
use secrecy::ExposeSecret as _;
use store::Tenant;
use webhooks::{Outcome, Signatures, SigningSecret, WebhookUrl};

use crate::{State, events::CallName};

/// The event's name in the request.
const INCOMING: &str = "call.incoming";

/// What an endpoint is asked about.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// Whose call it is.
    pub(crate) tenant: Tenant,
    /// The carrier that waits; `None` for the operator's own SIP edge.
    pub(crate) carrier: Option<Carrier>,
    /// What the call is called.
    pub(crate) name: &'a CallName,
    /// The id under which it is stored, if that was decided already.
    pub(crate) id: Option<CallId>,
    /// What is known of it.
    pub(crate) initiated: &'a CallEvent,
    /// The number that was dialled.
    pub(crate) number: &'a PhoneNumber,
    /// The endpoint.
    pub(crate) endpoint: &'a Endpoint,
}

impl State {
    /// Asks an endpoint; whatever is no clear answer in time is a busy line, with its reason.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Answer {
        // Most calls ask nobody: what asking needs lies apart.
        Box::pin(self.asked(question)).await.unwrap_or_else(|reason| Answer::Refuse(reason.into()))
    }

    async fn asked(&self, question: &Question<'_>) -> Result<Answer, Reason> {
        let url = WebhookUrl::parse(&question.endpoint.url(None), self.policy).map_err(|_| Reason::NoAddress)?;
        let (at, tenant) = (question.initiated.timestamp, question.tenant);
        let stored = async {
            match question.id.or_else(|| question.name.shown_as(at)) {
                Some(id) => Ok(id),
                None => self.stored_id(tenant, question.name, at).await.map_err(unavailable),
            }
        };
        let (id, (current, previous)) = tokio::try_join!(stored, self.signing(question))?;
        let call = question.call(id);
        let event_id = event_id(tenant.org(), tenant.mode(), call.id, INCOMING);
        let webhook_id = format!("{}{}", domain::DeliveryId::PREFIX, delivery_id(&event_id, question.endpoint.id.as_uuid()));
        let body = Envelope::of_call(event_id, INCOMING.to_owned(), at, &call).into_body();
        let signatures = Signatures::new(&webhook_id, self.clock.now(), body.as_bytes(), &current, previous.as_ref());
        let attempt = self.asker(question.carrier).post(&url, &signatures.headers(), body.into()).await;
        tracing::info!(endpoint_id = %question.endpoint.id, duration_ms = attempt.duration_ms, outcome = ?attempt.outcome, "an endpoint was asked");
        match attempt.outcome {
            Outcome::Answered { status: 200..=299 } if attempt.in_time => {
                Answer::read(&attempt.answer_head).map_err(|_| Reason::EndpointUnclear)
            }
            _ => Err(Reason::EndpointSilent),
        }
    }

    /// The endpoint's signing secret, and the one before while it keeps signing.
    async fn signing(&self, question: &Question<'_>) -> Result<(SigningSecret, Option<SigningSecret>), Reason> {
        let (endpoint, now) = (question.endpoint, self.clock.now());
        let current = endpoint.secret.as_ref().ok_or_else(|| unavailable("the endpoint has no signing secret"))?;
        let previous = async {
            match endpoint.previous_secret(now) {
                Some(sealed) => self.signing_secret(question, sealed, now).await.map(Some),
                None => Ok(None),
            }
        };
        tokio::try_join!(self.signing_secret(question, current, now), previous)
    }

    async fn signing_secret(&self, question: &Question<'_>, sealed: &Sealed, now: Timestamp) -> Result<SigningSecret, Reason> {
        let place = question.tenant.place(SecretKind::WebhookSecret, question.endpoint.id.as_uuid());
        let text = self.vault.open(&place, sealed, now).await.map_err(unavailable)?;
        SigningSecret::parse(text.expose_secret()).map_err(unavailable)
    }
}

impl Question<'_> {
    /// The call as every webhook of it shows it.
    fn call(&self, id: CallId) -> wire::Call {
        let mut record = CallRecord::new(id);
        if let CallName::Alias(alias) = self.name {
            record.alias = Some(alias.clone());
        }
        let (number_id, endpoint_id) = (self.number.id, Some(self.endpoint.id));
        record.route = Some(Route { number_id, endpoint_id, found_by: self.initiated.id.clone() });
        apply(&mut record, self.initiated.clone());
        wire::Call::new(&record, self.tenant.org())
    }
}

fn unavailable(cause: impl std::fmt::Display) -> Reason {
    tracing::error!(%cause, "an endpoint could not be asked");
    Reason::Unavailable
}
