//! The bodies of requests.
//!
//! Functions read them field by field and by hand, so that every fault is named at once; here is what they read, and tests hold
//! both together. Names, lengths and shapes stand in `constraints`.
//!
//! A field that may be null may be left out too, and the reverse.

use serde_json::Value;
use utoipa::ToSchema;

/// Which number to buy: by `inventory_id`, or by `e164`, `country` and `type`. Where both are sent, `inventory_id` counts.
#[derive(ToSchema)]
pub struct NumberOrder {
    /// The id of a number on offer.
    pub inventory_id: Option<String>,
    /// The number itself; spaces, dots, dashes and parentheses are taken out.
    pub e164: Option<String>,
    /// The country in which it is on offer; it must be the number's own.
    pub country: Option<String>,
    /// The type under which it is on offer.
    #[schema(rename = "type")]
    pub number_type: Option<String>,
    /// The endpoint that it rings.
    pub endpoint_id: Option<String>,
    /// Whether callers may reach it; true if it is absent.
    pub allow_inbound: Option<bool>,
    /// Whether calls may be placed with it; false if it is absent.
    pub allow_outbound: Option<bool>,
    /// The first bill that you expect, in US cents. If the price is another one nothing is bought.
    pub total_cost_cents: Option<u64>,
    /// The price of the setup that you expect, in US cents; likewise.
    pub setup_cost_cents: Option<u64>,
    /// The price of a month that you expect, in US cents; likewise.
    pub monthly_cost_cents: Option<u64>,
}

/// What to change of a number. What is absent stays.
#[derive(ToSchema)]
pub struct NumberChange {
    /// The endpoint that it rings; null detaches it.
    pub endpoint_id: Option<String>,
    /// Whether callers may reach it.
    pub allow_inbound: Option<bool>,
    /// Whether calls may be placed with it.
    pub allow_outbound: Option<bool>,
    /// Whether its calls are routed; an inactive number is busy.
    pub status: Option<String>,
}

/// An endpoint to create.
#[derive(ToSchema)]
pub struct EndpointOrder {
    /// What you call it.
    pub name: String,
    /// Who answers: a provider, `direct_sip` for `custom_sip`, or `agent` with `provider_config.provider`.
    #[schema(rename = "type")]
    pub endpoint_type: String,
    /// Where: required for `webhook` (`https:`) and `custom_sip` (`sip:` or `sips:`). For AI providers it is generated
    /// from `provider_config`, and a SIP address that is given here wins.
    pub url: Option<String>,
    /// The provider's settings. Required without `url`: for `vapi` `assistant_id`, for `retell` `agent_id`, for `elevenlabs`
    /// `elevenlabs_agent_id`, for `livekit` `livekit_sip_trunk_id` and `livekit_sip_uri`, for `vogent` `vogent_agent_id`.
    /// Keys that no provider knows are kept.
    #[schema(value_type = Option<ProviderConfig>)]
    pub provider_config: Option<Value>,
    /// Which events a webhook endpoint takes: names, wildcards such as `call.*`, or `*`, which is meant if it is absent.
    pub events: Option<Vec<String>>,
    /// A number that rings it from the start.
    pub phone_number_id: Option<String>,
}

/// Settings of the provider that answers. camelCase names are taken too.
#[derive(ToSchema)]
pub struct ProviderConfig {
    /// The AI provider, where the type is `agent` and no url tells it.
    pub provider: Option<String>,
    /// `vapi`: the assistant.
    pub assistant_id: Option<String>,
    /// `vapi`: the SIP credential; a part of a host name.
    pub credential_id: Option<String>,
    /// `retell`: the agent. The other AI providers take it as another name of their own id.
    pub agent_id: Option<String>,
    /// `elevenlabs`: the agent.
    pub elevenlabs_agent_id: Option<String>,
    /// `elevenlabs`: where data is kept.
    pub region: Option<String>,
    /// `elevenlabs`: whether the line is encrypted.
    pub tls: Option<bool>,
    /// `livekit`: the SIP trunk.
    pub livekit_sip_trunk_id: Option<String>,
    /// `livekit`: the project's SIP address.
    pub livekit_sip_uri: Option<String>,
    /// `livekit`: the agent behind the trunk.
    pub livekit_agent_name: Option<String>,
    /// `vogent`: the agent.
    pub vogent_agent_id: Option<String>,
    /// `vogent`: the SIP user, if it is another one than the agent.
    pub sip_username: Option<String>,
    /// `custom_sip`: how it is spoken to.
    pub transport: Option<String>,
    /// `custom_sip`: the user to authenticate as.
    pub username: Option<String>,
    /// `custom_sip`: the password; it is never shown again. Null removes it.
    pub password: Option<String>,
    /// `custom_sip`: SIP headers to send along, with names that begin with `X-`: at most 10.
    #[schema(value_type = Option<Object>)]
    pub headers: Option<Value>,
}

/// What to change of an endpoint. What is absent stays.
#[derive(ToSchema)]
pub struct EndpointChange {
    /// What you call it.
    pub name: Option<String>,
    /// The type that it has: another one is refused.
    #[schema(rename = "type")]
    pub endpoint_type: Option<String>,
    /// Where; null has it generated again.
    pub url: Option<String>,
    /// Whether calls and events reach it.
    pub status: Option<String>,
    /// Which events a webhook endpoint takes.
    pub events: Option<Vec<String>>,
    /// The provider's settings: replaced as a whole. An absent `password` stays.
    #[schema(value_type = Option<ProviderConfig>)]
    pub provider_config: Option<Value>,
}

/// A webhook subscription to create.
#[derive(ToSchema)]
pub struct WebhookOrder {
    /// Where events go: `https:`, to a public address.
    pub url: String,
    /// Which events: names, wildcards such as `call.*`, or `*`, which is meant if it is absent.
    pub events: Option<Vec<String>>,
    /// Whether it takes any; true if it is absent.
    pub active: Option<bool>,
}

/// What to change of a subscription. What is absent stays.
#[derive(ToSchema)]
pub struct WebhookChange {
    /// Where events go.
    pub url: Option<String>,
    /// Which events.
    pub events: Option<Vec<String>>,
    /// Whether it takes any.
    pub active: Option<bool>,
}

/// Which deliveries to send again: those of a call, or those of a receiver from a time on.
#[derive(ToSchema)]
pub struct ReplayOrder {
    /// Those of this call.
    pub call_id: Option<String>,
    /// Those of this endpoint.
    pub endpoint_id: Option<String>,
    /// Those of this subscription.
    pub subscription_id: Option<String>,
    /// Those of this endpoint or subscription.
    pub receiver_id: Option<String>,
    /// Those of this event.
    pub event: Option<String>,
    /// Those of this status.
    pub status: Option<String>,
    /// Those of events from this day (UTC) or instant on. `from_date` and `from` are the same.
    pub start_date: Option<String>,
    /// Those up to this day or instant, itself included. `to_date` and `to` are the same.
    pub end_date: Option<String>,
    /// Whether to count only; false if it is absent.
    pub dry_run: Option<bool>,
    /// `next_cursor` of the answer before, with the same body.
    pub cursor: Option<String>,
    /// The most deliveries that this request sends again; 1,000 if it is absent.
    pub limit: Option<u64>,
}

/// A call to ask about.
#[derive(ToSchema)]
pub struct RouteQuestion {
    /// The number that would be dialled.
    pub to: String,
    /// The number of the caller.
    pub from: Option<String>,
    /// When; now if it is absent.
    pub at: Option<String>,
}

/// A call that the SIP edge has to bring somewhere.
#[derive(ToSchema)]
pub struct ResolveQuestion {
    /// The number that was dialled.
    pub to: String,
    /// The number of the caller.
    pub from: Option<String>,
    /// When; now if it is absent.
    pub at: Option<String>,
    /// What the call is called: a UUID or a name of the edge's own.
    pub call_id: Option<String>,
}

/// A call to play in test data. The organization's own number is required: `to` if the call comes in, `from` if it goes out.
#[derive(ToSchema)]
pub struct Simulation {
    /// Which call is played.
    pub script: String,
    /// The called number.
    pub to: Option<String>,
    /// The calling number.
    pub from: Option<String>,
    /// `inbound` if it is absent.
    pub direction: Option<String>,
}

/// A carrier credential to add.
#[derive(ToSchema)]
pub struct CarrierCredentialOrder {
    /// The carrier.
    pub provider: String,
    /// What you call it; it need not be unique.
    pub label: String,
    /// The account: exactly the keys of the carrier.
    pub credentials: CarrierAccount,
}

/// An account with a carrier: `account_sid` for `twilio`, `auth_id` for `plivo` and `vobiz`, and the token. No other key.
#[derive(ToSchema)]
pub struct CarrierAccount {
    /// The account's id at Twilio: `AC` and 32 hexadecimal digits.
    pub account_sid: Option<String>,
    /// The account's id at Plivo (`MA` or `SA` and 18 capital letters and digits) or Vobiz.
    pub auth_id: Option<String>,
    /// The account's token. It is sealed and never shown again.
    pub auth_token: String,
}

/// What to change of a carrier credential: at least one of these.
#[derive(ToSchema)]
pub struct CarrierCredentialChange {
    /// What you call it.
    pub label: Option<String>,
    /// A new token for the same account.
    pub credentials: Option<CarrierAccount>,
    /// The key with which Twilio signs if that is not the account's token; null takes it away. For `twilio` alone. It is
    /// sealed and never shown again.
    pub signing_key: Option<String>,
}

/// A number of the organization's own carrier.
#[derive(ToSchema)]
pub struct CarrierNumberOrder {
    /// The number.
    pub e164: String,
    /// The carrier: the one of the credential.
    pub provider: String,
    /// The credential that it hangs on.
    pub credentials_id: String,
    /// The agent that it is pinned to. An endpoint's id has its calls go there.
    pub agent_id: Option<String>,
    /// Whether callers may reach it; true if it is absent.
    pub inbound_enabled: Option<bool>,
    /// Whether calls may be placed with it; true if it is absent.
    pub outbound_enabled: Option<bool>,
}

/// Which agent a carrier number is pinned to.
#[derive(ToSchema)]
pub struct CarrierNumberPin {
    /// The agent; null or an empty text unpins it. It must be there.
    #[schema(required = true)]
    pub agent_id: Option<String>,
}

/// An API key to mint.
#[derive(ToSchema)]
pub struct ApiKeyOrder {
    /// What you call it.
    pub name: String,
    /// What it may do: nothing that the caller may not.
    pub scopes: Vec<String>,
    /// Which data set it reaches; the caller's if it is absent. A test key mints test keys alone.
    pub mode: Option<String>,
    /// Where it may be used from; everywhere if it is absent or empty.
    pub allowed_ips: Option<Vec<String>>,
    /// From when on it is refused; never if it is absent. It must lie in the future.
    pub expires_at: Option<String>,
}

/// What to change of an API key. What is absent stays.
#[derive(ToSchema)]
pub struct ApiKeyChange {
    /// What you call it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Vec<String>>,
    /// Where it may be used from; null or an empty list lifts the limit.
    pub allowed_ips: Option<Vec<String>>,
    /// From when on it is refused; null lifts the limit.
    pub expires_at: Option<String>,
}
