//! The rules that a call passes, and why it is not connected where it does not pass one.

use crate::call::{CallStatus, Facts, HangupReason};

macro_rules! names {
    ($(#[$top:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$top])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$doc])* $name,)*
        }

        impl $type {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

names! {
    /// What a call must pass, in the order in which it is asked.
    Rule {
        /// The organization holds the number.
        NumberHeld = "number_held",
        /// The carrier that asks is the one through which the number's calls come.
        CarrierIsTheNumbers = "carrier_is_the_numbers",
        /// The number is active.
        NumberActive = "number_active",
        /// The number takes callers.
        InboundAllowed = "inbound_allowed",
        /// The number names an endpoint: it is attached to one, or its agent is one.
        EndpointNamed = "endpoint_named",
        /// That endpoint exists.
        EndpointExists = "endpoint_exists",
        /// That endpoint is active.
        EndpointActive = "endpoint_active",
        /// The endpoint has an address to call.
        AddressKnown = "address_known",
    }
}

impl Rule {
    /// The rule in a sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NumberHeld => "The organization holds the number",
            Self::CarrierIsTheNumbers => "The carrier's request is signed by the credential that the number hangs on",
            Self::NumberActive => "The number is active",
            Self::InboundAllowed => "The number takes callers (allow_inbound)",
            Self::EndpointNamed => "The number is attached to an endpoint, or its agent_id is an endpoint's id",
            Self::EndpointExists => "That endpoint exists",
            Self::EndpointActive => "That endpoint is active",
            Self::AddressKnown => "The endpoint has an address to call",
        }
    }
}

names! {
    /// Why a call is not connected. The names stand in the call's `metadata.route_reason`.
    Reason {
        /// The organization does not hold the number.
        UnknownNumber = "unknown_number",
        /// The request came through another carrier's credential than the number's.
        OtherCarrier = "other_carrier",
        /// The number is inactive, pending or suspended.
        NumberInactive = "number_inactive",
        /// The number takes no callers.
        InboundNotAllowed = "inbound_not_allowed",
        /// The number rings nothing.
        NoEndpoint = "no_endpoint",
        /// What the number names is no endpoint, or was deleted.
        EndpointGone = "endpoint_gone",
        /// The endpoint is inactive, or the system switched it off.
        EndpointInactive = "endpoint_inactive",
        /// The endpoint's settings make no address.
        NoAddress = "no_address",
        /// The webhook endpoint gave no answer in time, or none with a 2xx status.
        EndpointSilent = "endpoint_silent",
        /// The webhook endpoint answered, and named nothing to dial.
        EndpointPassed = "endpoint_passed",
        /// The webhook endpoint answered what cannot be understood.
        EndpointUnclear = "endpoint_unclear",
        /// The webhook endpoint rejected the call.
        EndpointRejected = "endpoint_rejected",
        /// The webhook endpoint named another number to dial, and the number that was called may place no calls.
        OutboundNotAllowed = "outbound_not_allowed",
        /// The table or the encryption could not be reached in time.
        Unavailable = "unavailable",
    }
}

/// What the caller is told of a call that is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The number is busy.
    Busy,
    /// The call is rejected.
    Reject,
}

impl Treatment {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Reject => "reject",
        }
    }

    /// The status, the Q.850 cause and the reason in the API's words of a call that is treated so.
    const fn end(self) -> (CallStatus, &'static str, HangupReason) {
        match self {
            Self::Busy => (CallStatus::Busy, "USER_BUSY", HangupReason::Busy),
            Self::Reject => (CallStatus::Failed, "CALL_REJECTED", HangupReason::Rejected),
        }
    }
}

impl Reason {
    /// What the caller is told. What is switched off or silent is busy; who has no business here is rejected.
    #[must_use]
    pub const fn treatment(self) -> Treatment {
        match self {
            Self::UnknownNumber | Self::OtherCarrier | Self::InboundNotAllowed | Self::EndpointRejected | Self::OutboundNotAllowed => {
                Treatment::Reject
            }
            Self::NumberInactive
            | Self::NoEndpoint
            | Self::EndpointGone
            | Self::EndpointInactive
            | Self::NoAddress
            | Self::EndpointSilent
            | Self::EndpointPassed
            | Self::EndpointUnclear
            | Self::Unavailable => Treatment::Busy,
        }
    }
}

/// A call that is not connected: why, and what the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What the caller is told.
    pub treatment: Treatment,
    /// The endpoint's own words, if it rejected the call: up to 200 characters.
    pub note: Option<String>,
}

impl Refusal {
    /// What the end of the call tells: how it was treated, and why, in `metadata`.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let (status, cause, reason) = self.treatment.end();
        let note = self.note.as_ref().map(|note| ("route_note".to_owned(), note.as_str().into()));
        let metadata = [("route_reason".to_owned(), self.reason.as_str().into())].into_iter().chain(note).collect();
        Facts {
            status: Some(status),
            hangup_cause: Some(cause.to_owned()),
            hangup_reason: Some(reason),
            metadata: Some(metadata),
            ..Facts::default()
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, treatment: reason.treatment(), note: None }
    }
}
