//! Lists: the organization's numbers, and the numbers it can buy.

use api::{Caller, Page, Problem, Query};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use domain::{
    Country, EndpointId, Invalid,
    inventory::NumberType,
    number::{NumberStatus, PhoneNumber},
    scope::Scope,
    wire,
};
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::{Value, json};

const DEFAULT_LIMIT: u64 = 20;
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// `GET /phone-numbers`: `action=assigned` (the organization's own) or `action=available` (what can be bought).
pub(crate) async fn list_numbers(state: State<crate::State>, caller: Caller, uri: OriginalUri, query: Query) -> Result<Response, Problem> {
    match query.text("action") {
        None | Some("assigned") => list_assigned(state, caller, uri, query).await,
        Some("available") => list_available(state, caller, uri, query).await,
        Some(_) => Err(Problem::invalid(vec![Invalid::new("action", "must be assigned or available")])),
    }
}

async fn list_assigned(State(state): State<crate::State>, caller: Caller, uri: OriginalUri, mut query: Query) -> Result<Response, Problem> {
    caller.require(Scope::NumbersRead)?;
    let filter = Filter::read(&mut query);
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    query.finish()?;
    let mut numbers = state.table.numbers(caller.tenant).await?;
    numbers.retain(|number| filter.takes(number));
    let total = numbers.len();
    let items: Vec<wire::Number> =
        page.of(numbers).into_iter().map(|number| wire::Number::new(number, caller.tenant.org, &state.sip_domain)).collect();
    Ok(listed(&items, total, page, envelope, &uri))
}

/// `GET /phone-numbers/available`: what can be bought in a country, by number.
pub(crate) async fn list_available(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    caller.require(Scope::NumbersRead)?;
    let country: Option<Country> = query.parsed("country");
    if !query.has("country") {
        query.fault("country", "is required");
    }
    let number_type: Option<NumberType> = query.parsed("type");
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    query.finish()?;
    let Some(country) = country else { return Err(Problem::internal("a country passed as missing")) };
    let slots = state.table.available(caller.tenant.mode, country, number_type).await?;
    let total = slots.len();
    let items: Vec<wire::AvailableNumber> = page.of(slots).into_iter().map(Into::into).collect();
    Ok(listed(&items, total, page, envelope, &uri))
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

/// A bare array with the total and the next page in headers, or the same in an envelope.
fn listed<T: Serialize>(items: &[T], total: usize, page: Page, envelope: bool, uri: &OriginalUri) -> Response {
    let body = if envelope {
        json!({"phone_numbers": items, "total": total, "limit": page.limit, "offset": page.offset, "next_cursor": Value::Null})
    } else {
        json!(items)
    };
    let mut response = Json(body).into_response();
    response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(total));
    let next = page.offset + page.limit;
    if next < total {
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), with_offset(uri.query().unwrap_or_default(), next));
        if let Ok(value) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, value);
        }
    }
    response
}

/// The same query, at another offset.
fn with_offset(query: &str, offset: usize) -> String {
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "offset" && name != "page");
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("offset", &offset.to_string()).finish()
}
