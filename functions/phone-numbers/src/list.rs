//! Lists: the organization's numbers, and the numbers it can buy.

use api::{Caller, Listed, Order, Page, Problem, Query};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{
    Country, EndpointId, Invalid,
    inventory::NumberType,
    number::{NumberStatus, PhoneNumber},
    wire,
};

const DEFAULT_LIMIT: u64 = 20;
const NAME: &str = "phone_numbers";

/// `GET /phone-numbers`: `action=assigned` (the organization's own) or `action=available` (what can be bought).
pub(crate) async fn list_numbers(state: State<crate::State>, caller: Caller, uri: OriginalUri, query: Query) -> Result<Response, Problem> {
    match query.text("action") {
        None | Some("assigned") => list_assigned(state, caller, uri, query).await,
        Some("available") => list_available(state, caller, uri, query).await,
        Some(_) => Err(Problem::invalid(vec![Invalid::new("action", "must be assigned or available")])),
    }
}

async fn list_assigned(State(state): State<crate::State>, caller: Caller, uri: OriginalUri, mut query: Query) -> Result<Response, Problem> {
    let filter = Filter::read(&mut query);
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    query.finish()?;
    let mut numbers = state.table.numbers(caller.tenant).await?;
    numbers.retain(|number| filter.takes(number));
    let show = |number| wire::Number::new(number, caller.tenant.org(), &state.sip_domain);
    let listed = Listed { list: "assigned", name: NAME, page, envelope, uri, tenant: caller.tenant, cursors: &state.cursors };
    listed.answer(numbers, Order::Falling, |number| number.id.to_string(), show).await
}

/// `GET /phone-numbers/available`: what can be bought in a country, by number.
pub(crate) async fn list_available(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let country: Option<Country> = query.parsed("country");
    if !query.has("country") {
        query.missing("country");
    }
    let number_type: Option<NumberType> = query.parsed("type");
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    query.finish()?;
    let Some(country) = country else { return Err(Problem::internal("a country passed as missing")) };
    let slots = state.table.available(caller.tenant.mode(), country, number_type).await?;
    let listed = Listed { list: "available", name: NAME, page, envelope, uri, tenant: caller.tenant, cursors: &state.cursors };
    listed.answer(slots, Order::Rising, |slot| slot.e164.to_string(), wire::AvailableNumber::from).await
}

/// What an assigned list is narrowed to.
struct Filter {
    status: Option<NumberStatus>,
    country: Option<Country>,
    number_type: Option<NumberType>,
    endpoint_id: Option<EndpointId>,
    include_released: bool,
}

impl Filter {
    fn read(query: &mut Query) -> Self {
        Self {
            status: query.parsed("status"),
            country: query.parsed("country"),
            number_type: query.parsed("type"),
            endpoint_id: query.parsed("endpoint_id"),
            include_released: query.switch("include_released"),
        }
    }

    fn takes(&self, number: &PhoneNumber) -> bool {
        (self.include_released || number.released_at.is_none())
            && self.status.is_none_or(|status| status == number.status)
            && self.country.is_none_or(|country| country == number.country)
            && self.number_type.is_none_or(|number_type| number_type == number.number_type)
            && self.endpoint_id.is_none_or(|endpoint| Some(endpoint) == number.endpoint_id)
    }
}
