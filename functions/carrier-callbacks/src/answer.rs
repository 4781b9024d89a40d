//! What a call comes to, and the XML that tells its carrier.

use carriers::{Answer, Credentials, Dial, DialTarget, RejectReason};
use domain::{
    E164,
    carrier::Carrier,
    route::{Reason, Refusal, SipTarget, Treatment},
    secret::SecretKind,
};
use secrecy::SecretString;
use store::Tenant;
use vault::VaultError;

use crate::State;

/// What a call comes to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is put through to a SIP address, with this password.
    Sip(SipTarget, Option<SecretString>),
    /// It is put through to another number.
    Number(E164),
    /// It is not connected.
    Refused(Refusal),
}

impl From<Reason> for Outcome {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

impl Outcome {
    /// The XML; `status_url` is where the carrier tells what becomes of the call.
    pub(crate) fn xml(&self, carrier: Carrier, status_url: &str) -> String {
        match self {
            Self::Sip(target, password) => carriers::answer(carrier, &dial(sip(target, password.as_ref()), status_url)),
            Self::Number(number) => carriers::answer(carrier, &dial(DialTarget::Number(number), status_url)),
            Self::Refused(refusal) => refused(carrier, refusal.treatment),
        }
    }
}

fn sip<'a>(target: &'a SipTarget, password: Option<&'a SecretString>) -> DialTarget<'a> {
    let credentials = target.username.as_deref().zip(password).map(|(username, password)| Credentials { username, password });
    let headers = target.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    DialTarget::Sip { uri: &target.uri, credentials, headers }
}

const fn dial<'a>(target: DialTarget<'a>, status_url: &'a str) -> Answer<'a> {
    Answer::Dial(Dial { target, status_url })
}

/// The XML for a call that is not connected.
pub(crate) fn refused(carrier: Carrier, treatment: Treatment) -> String {
    let reason = match treatment {
        Treatment::Busy => RejectReason::Busy,
        Treatment::Reject => RejectReason::Rejected,
    };
    carriers::answer(carrier, &Answer::Reject(reason))
}

impl State {
    /// The password that an address is called with; `None` if there is none.
    pub(crate) async fn password(&self, tenant: Tenant, target: &SipTarget) -> Result<Option<SecretString>, VaultError> {
        match &target.password {
            Some(sealed) => {
                let place = tenant.place(SecretKind::EndpointPassword, target.endpoint.as_uuid());
                self.vault.open(&place, sealed, self.clock.now()).await.map(Some)
            }
            None => Ok(None),
        }
    }
}
