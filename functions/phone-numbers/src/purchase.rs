//! Buying a number: exactly one of any number of buyers gets it.

use api::{Audit, Born, Caller, Code, Fields, JsonBody, News, Problem};
use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    Country, E164, NumberId, Timestamp,
    audit::Action,
    inventory::{NumberType, Slot, SlotAddress},
    limits::Counted,
    number::{Claim, PhoneNumber, PurchaseSettings},
    secret::SecretKind,
    webhook::LifecycleEvent,
    wire,
};
use http::StatusCode;
use runtime::random;
use store::{Bought, Consistency, Tenant, tell};

/// `POST /phone-numbers`: by `inventory_id`, or by `e164`, `country` and `type`.
pub(crate) async fn purchase_number(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Json<wire::PurchasedNumber>), Problem> {
    let order = Order::read(&mut fields)?;
    let id = NumberId::new(birth.at, birth.bytes);
    let slot = async { Ok(state.table.slot(caller.tenant.mode(), &order.address).await?) };
    let (slot, news) = futures_util::try_join!(slot, state.lifecycle.about(caller.tenant, LifecycleEvent::NumberPurchased))?;
    let number = match slot {
        Some(slot) => buy(&state, &caller, audit, id, &order, &slot, news).await?,
        None => bought_before(&state, caller.tenant, id, &order.address.e164).await?,
    };
    let total_cost_cents = number.slot().total_cost_cents();
    let number = wire::Number::new(number, caller.tenant.org(), &state.sip_domain);
    Ok((StatusCode::CREATED, Json(wire::PurchasedNumber { number, total_cost_cents })))
}

async fn buy(
    state: &crate::State,
    caller: &Caller,
    audit: Audit,
    id: NumberId,
    order: &Order,
    slot: &Slot,
    news: Option<News>,
) -> Result<PhoneNumber, Problem> {
    order.prices.check(slot)?;
    let (tenant, now) = (caller.tenant, state.clock.now());
    let number = PhoneNumber::purchased(id, slot, order.settings, now);
    let claim = claim(state, tenant, &number, now).await?;
    let telling = news.map(|news| state.telling(caller, news));
    let table = audit.on(&state.table, caller, Action::NumberPurchased, id.as_uuid());
    match table.buy_number(tenant, slot, &number, &claim, tell(telling.as_ref())).await? {
        Bought::Done => {
            state.lifecycle.hand_on(news).await;
            Ok(number)
        }
        Bought::OwnAlready => bought_before(state, tenant, id, &slot.e164).await,
        Bought::NotAvailable => Err(not_available()),
        Bought::NoSuchEndpoint => Err(crate::number::no_such_endpoint()),
        Bought::TooMany { most } => Err(Problem::too_many(Counted::Numbers, most)),
    }
}

/// The number, if an earlier try of this very request bought it; else the refusal that this caller may know.
async fn bought_before(state: &crate::State, tenant: Tenant, id: NumberId, e164: &E164) -> Result<PhoneNumber, Problem> {
    let claim = state.table.claim(tenant.mode(), e164, Consistency::Strong).await?;
    let own = claim.filter(|claim| claim.organization_id == tenant.org()).ok_or_else(not_available)?;
    if own.number_id != id {
        return Err(already_owned());
    }
    state.table.number(tenant, id, Consistency::Strong).await?.ok_or_else(not_available)
}

/// What a buyer asks for.
struct Order {
    address: SlotAddress,
    settings: PurchaseSettings,
    prices: Prices,
}

impl Order {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let prices = Prices::read(fields);
        let settings = PurchaseSettings {
            endpoint_id: fields.parsed("endpoint_id"),
            allow_inbound: fields.boolean("allow_inbound").unwrap_or(true),
            allow_outbound: fields.boolean("allow_outbound").unwrap_or(false),
        };
        let address = if fields.has("inventory_id") { by_id(fields)? } else { by_number(fields)? };
        fields.finish()?;
        // Without a fault there is an address; an id that we never made names nothing that could be bought.
        Ok(Self { address: address.ok_or_else(not_available)?, settings, prices })
    }
}

fn by_id(fields: &mut Fields) -> Result<Option<SlotAddress>, Problem> {
    let id = fields.parsed("inventory_id");
    fields.finish()?;
    Ok(id.and_then(SlotAddress::from_id))
}

fn by_number(fields: &mut Fields) -> Result<Option<SlotAddress>, Problem> {
    if !["e164", "country", "type"].iter().any(|field| fields.has(field)) {
        fields.missing("inventory_id");
        fields.finish()?;
    }
    let e164: Option<E164> = required(fields, "e164");
    let country: Option<Country> = required(fields, "country");
    let number_type: Option<NumberType> = required(fields, "type");
    if let (Some(own), Some(country)) = (e164.as_ref().and_then(E164::country), country)
        && own != country
    {
        fields.fault("country", "is not the country of the number");
    }
    fields.finish()?;
    Ok(e164.zip(country).zip(number_type).map(|((e164, country), number_type)| SlotAddress { e164, country, number_type }))
}

/// A field that must be there, of some type.
pub(crate) fn required<T: std::str::FromStr<Err: std::fmt::Display>>(fields: &mut Fields, name: &str) -> Option<T> {
    if !fields.has(name) {
        fields.missing(name);
    }
    fields.parsed(name)
}

/// The prices that the buyer believes in, in US cents. Never trusted, only compared: nobody buys at a stale price.
struct Prices {
    total: Option<u64>,
    setup: Option<u64>,
    monthly: Option<u64>,
}

impl Prices {
    fn read(fields: &mut Fields) -> Self {
        Self {
            total: fields.whole_number("total_cost_cents"),
            setup: fields.whole_number("setup_cost_cents"),
            monthly: fields.whole_number("monthly_cost_cents"),
        }
    }

    fn check(&self, slot: &Slot) -> Result<(), Problem> {
        let facts = [
            ("total_cost_cents", self.total, slot.total_cost_cents()),
            ("setup_cost_cents", self.setup, slot.setup_cost_cents.into()),
            ("monthly_cost_cents", self.monthly, slot.monthly_cost_cents.into()),
        ];
        let wrong = facts.into_iter().filter(|(_, believed, price)| believed.is_some_and(|believed| believed != *price));
        let faults: Vec<_> = wrong.map(|(field, _, price)| domain::Invalid::new(field, format!("is not the price: {price}"))).collect();
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
    }
}

/// The claim that makes the number the buyer's, with SIP credentials of its own.
async fn claim(state: &crate::State, tenant: Tenant, number: &PhoneNumber, now: Timestamp) -> Result<Claim, Problem> {
    let password = URL_SAFE_NO_PAD.encode(random::bytes::<24>()).into();
    let sealed = state.vault.seal(&tenant.place(SecretKind::SipPassword, number.id.as_uuid()), &password, now).await?;
    Ok(Claim { sip_username: Some(number.e164.to_string()), sip_password: Some(sealed), ..Claim::of(tenant.org(), number) })
}

fn already_owned() -> Problem {
    Problem::new(Code::NumberAlreadyOwned, "Your organization owns this number already")
}

fn not_available() -> Problem {
    Problem::new(Code::NumberNotAvailable, "This number is not available")
}
