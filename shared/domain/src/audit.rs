//! The audit trail: who did what to which resource, and when. An entry holds no secret and no phone number.

use std::{net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AuditId, Principal, Timestamp};

/// How long an entry is kept unless the deployment says otherwise, in days.
pub const KEPT_DAYS: u32 = 365;

/// The text names none of the values there are.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be one of {0}")]
pub struct UnknownName(String);

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What was done: the resource's type, a dot, and what became of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Action {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Action {
            /// Every action there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The action's name, such as `endpoint.created`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

actions! {
    /// An organization was created.
    OrganizationCreated = "organization.created",
    /// For how long an organization keeps its calls was changed.
    RetentionChanged = "organization.retention_changed",
    /// Everything of an organization was handed out.
    OrganizationExported = "organization.exported",
    /// An organization was erased. Its own trail goes with it: the operator's tells.
    OrganizationErased = "organization.erased",
    /// Numbers were offered. The operator's trail tells.
    InventoryImported = "inventory.imported",
    /// The secret was stored that an issuer signs its users' tokens with. The operator's trail tells.
    IssuerSecretStored = "issuer.secret_stored",
    /// Every secret was sealed anew. The operator's trail tells.
    VaultRewrapped = "vault.rewrapped",
    /// Messages that no function could work on were deleted. The operator's trail tells.
    DeadLettersDropped = "dead_letters.dropped",
    /// What an organization may do at most was changed.
    LimitsChanged = "organization.limits_changed",
    /// A user became a member or got another role.
    MemberSet = "member.set",
    /// A user is no member any more.
    MemberRemoved = "member.removed",
    /// An API key was minted.
    KeyCreated = "api_key.created",
    /// An API key's settings were changed.
    KeyUpdated = "api_key.updated",
    /// An API key was revoked.
    KeyRevoked = "api_key.revoked",
    /// A number was bought.
    NumberPurchased = "phone_number.purchased",
    /// A number of the organization's own carrier was registered.
    NumberRegistered = "phone_number.registered",
    /// A number was changed, attached, or pinned to an agent.
    NumberUpdated = "phone_number.updated",
    /// A number was given back and its record kept.
    NumberReleased = "phone_number.released",
    /// A number's record was removed, and the number given back if it was held.
    NumberDeleted = "phone_number.deleted",
    /// An endpoint was created.
    EndpointCreated = "endpoint.created",
    /// An endpoint was changed.
    EndpointUpdated = "endpoint.updated",
    /// An endpoint got a new signing secret.
    EndpointSecretRotated = "endpoint.secret_rotated",
    /// An endpoint was deleted.
    EndpointDeleted = "endpoint.deleted",
    /// A webhook subscription was created.
    WebhookCreated = "webhook.created",
    /// A webhook subscription was changed.
    WebhookUpdated = "webhook.updated",
    /// A webhook subscription got a new signing secret.
    WebhookSecretRotated = "webhook.secret_rotated",
    /// A webhook subscription was deleted.
    WebhookDeleted = "webhook.deleted",
    /// A carrier credential was added.
    CredentialCreated = "credential.created",
    /// A carrier credential got a new label or token.
    CredentialUpdated = "credential.updated",
    /// A carrier credential got new callback addresses.
    CredentialCallbacksRotated = "credential.callbacks_rotated",
    /// A number's calls were sent, at its carrier, to a carrier credential's callback addresses.
    CredentialNumberPointed = "credential.number_pointed",
    /// A carrier credential was deleted.
    CredentialDeleted = "credential.deleted",
    /// A call's record was deleted.
    CallDeleted = "call.deleted",
}

impl Action {
    /// The type of the resources that it is done to.
    #[must_use]
    pub fn resource_type(self) -> &'static str {
        self.as_str().split_once('.').map_or("", |(resource, _)| resource)
    }
}

impl FromStr for Action {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let names = || Self::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", ");
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or_else(|| UnknownName(names()))
    }
}

/// Who acted. Stored as one text, such as `key:` and the key's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    /// An API key.
    Key(Uuid),
    /// A user.
    User(Uuid),
    /// Whoever runs the deployment, by the name that their machine gives.
    Operator(String),
}

impl Actor {
    /// The id of a key or user, or the name of an operator.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Key(id) | Self::User(id) => id.to_string(),
            Self::Operator(name) => name.clone(),
        }
    }
}

impl From<Principal> for Actor {
    fn from(principal: Principal) -> Self {
        match principal {
            Principal::Key(id) => Self::Key(id.as_uuid()),
            Principal::User(id) => Self::User(id.as_uuid()),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        let sort = match actor {
            Actor::Key(_) => "key",
            Actor::User(_) => "user",
            Actor::Operator(_) => "operator",
        };
        format!("{sort}:{}", actor.name())
    }
}

impl TryFrom<String> for Actor {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        let unknown = || UnknownName("key, user and operator, with a colon and its id or name".to_owned());
        let (sort, name) = text.split_once(':').ok_or_else(unknown)?;
        let id = || name.parse().map_err(|_| unknown());
        match sort {
            "key" => Ok(Self::Key(id()?)),
            "user" => Ok(Self::User(id()?)),
            "operator" => Ok(Self::Operator(name.to_owned())),
            _ => Err(unknown()),
        }
    }
}

/// One thing that was done. Organization and mode stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id: version 7, so that entries are in the order of time. One for each effect, however often it was tried.
    pub id: AuditId,
    /// When it was done; for a request with an idempotency key, when it was first tried.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// To which resource.
    pub resource: Uuid,
    /// By whom.
    pub actor: Actor,
    /// From which address, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The names of the settings that the request named, for a change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// When it is forgotten, in seconds since 1970.
    pub expires_at: i64,
}

/// What a list of entries is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// One action.
    pub action: Option<Action>,
    /// One type of resource.
    pub resource_type: Option<String>,
    /// One resource.
    pub resource: Option<Uuid>,
    /// One actor, by id, or an operator by name.
    pub actor: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether it takes an entry.
    #[must_use]
    pub fn takes(&self, entry: &AuditEntry) -> bool {
        let Self { action, resource_type, resource, actor, from, until } = self;
        action.is_none_or(|action| action == entry.action)
            && resource_type.as_deref().is_none_or(|wanted| wanted == entry.action.resource_type())
            && resource.is_none_or(|resource| resource == entry.resource)
            && actor.as_ref().is_none_or(|actor| *actor == entry.actor.name())
            && from.is_none_or(|from| entry.at >= from)
            && until.is_none_or(|until| entry.at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_read_by_its_name_and_names_its_resource() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse::<Action>(), Ok(*action));
            assert!(!action.resource_type().is_empty(), "{action:?}");
        }
        assert_eq!(Action::KeyRevoked.resource_type(), "api_key");
        assert!("endpoint.exploded".parse::<Action>().unwrap_err().to_string().contains("endpoint.deleted"));
    }

    #[test]
    fn an_actor_is_read_as_it_is_stored() {
        for actor in [Actor::Key(Uuid::from_u128(1)), Actor::User(Uuid::from_u128(2)), Actor::Operator("a:b".to_owned())] {
            assert_eq!(Actor::try_from(String::from(actor.clone())), Ok(actor));
        }
        for wrong in ["", "key", "key:x", "robot:1"] {
            assert!(Actor::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_takes_what_all_its_parts_take() {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let entry = AuditEntry {
            id: AuditId::new(at, [0; 10]),
            at,
            action: Action::EndpointCreated,
            resource: id,
            actor: Actor::Key(other),
            ip: None,
            request_id: None,
            changes: Vec::new(),
            expires_at: 0,
        };
        let all = AuditFilter {
            action: Some(Action::EndpointCreated),
            resource_type: Some("endpoint".to_owned()),
            resource: Some(id),
            actor: Some(other.to_string()),
            from: Some(at),
            until: Some(at.plus_millis(1)),
        };
        assert!(all.takes(&entry) && AuditFilter::default().takes(&entry));
        for none in [
            AuditFilter { action: Some(Action::EndpointDeleted), ..all.clone() },
            AuditFilter { resource_type: Some("call".to_owned()), ..all.clone() },
            AuditFilter { resource: Some(other), ..all.clone() },
            AuditFilter { actor: Some("ops".to_owned()), ..all.clone() },
            AuditFilter { from: Some(at.plus_millis(1)), ..all.clone() },
            AuditFilter { until: Some(at), ..all },
        ] {
            assert!(!none.takes(&entry), "{none:?}");
        }
    }
}
