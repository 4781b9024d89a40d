//! The frame of every HTTP function: prefixes, 404 and 405, request id, one log line, problems rendered.

use std::time::Instant;

use axum::{
    Router,
    body::HttpBody as _,
    extract::{DefaultBodyLimit, FromRef, MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderName, HeaderValue,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, VARY},
};
use store::Usage;
use tracing::Instrument as _;

use crate::{
    Gate, Idempotency, Routes,
    auth::source,
    beside::Beside,
    problem::{Code, Problem},
    rate::{Stranger, Strangers, Told},
    request_id::{self, RequestId},
    sent_path,
    spent::{self, Spent},
    style::Style,
};

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What stays of an answer's headers when its problem is rendered.
const KEPT: [HeaderName; 4] = [ALLOW, VARY, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS];

/// Serves a function's routes under `/v1` and `/api/v1`, behind its gate, and gives unknown paths and wrong methods their
/// answers. A function that writes keeps requests with an idempotency key.
///
/// The same router runs in Lambda, in tests and on a laptop.
pub fn app<S>(routes: Routes<S>, state: S, idempotency: Option<&Idempotency>) -> Router
where
    S: Clone + Send + Sync + 'static,
    Gate: FromRef<S>,
{
    let gate = Gate::from_ref(&state);
    let counted = middleware::from_fn_with_state(gate.strangers().cloned(), counted);
    let routes = routes.guarded(&gate, idempotency).with_state(state);
    let served = Router::new()
        .nest("/v1", routes.clone())
        .nest("/api/v1", routes)
        .fallback(async || Problem::not_found("Route"))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed, "Method not allowed"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(limited))
        .layer(counted.clone());
    let served = match gate.origins() {
        // What a browser asks beforehand goes no further, and is counted here; of all else pages read also that it is too much.
        Some(origins) => served.layer(origins.layer()).layer(counted),
        None => served,
    };
    sent_path::kept(served.layer(middleware::from_fn_with_state(gate, spent::measure)).layer(middleware::from_fn(frame)))
}

/// Gives routes that stand outside of the API's prefixes what every request has: an id and a log line.
///
/// What they answer is their own, also to who asks for too much. `gate` knows the table that they work on.
pub fn framed(routes: Router, gate: Gate) -> Router {
    routes.layer(middleware::from_fn_with_state(gate, spent::measure)).layer(middleware::from_fn(frame))
}

/// Gives the routes of a function that works on no table the frame of the API: an id and a log line for each request, the answers to
/// unknown paths and wrong methods in the API's words.
///
/// All requests are strangers'.
pub fn open(routes: Router, strangers: Strangers) -> Router {
    let routes = routes
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed, "Method not allowed"))
        .layer(middleware::from_fn(limited))
        .layer(middleware::from_fn_with_state(Some(strangers), counted))
        .layer(middleware::from_fn(frame));
    sent_path::kept(routes)
}

/// Hands the request on, unless its body is too large: also where nobody would read it.
async fn limited(request: Request, next: Next) -> Response {
    let at_least = request.body().size_hint().lower();
    if at_least > MAX_BODY_BYTES as u64 {
        return Problem::too_large().into_response();
    }
    next.run(request).await
}

/// Counts what was counted for no organization for where it came from: refusals before it is known who asks, paths that are
/// none, and what needs no key. Afterwards, since only then it is known; an answer that is one too many is replaced. An outage
/// stays one.
async fn counted(State(strangers): State<Option<Strangers>>, request: Request, next: Next) -> Response {
    let (told, stranger) = (Told::of(request.extensions()), Stranger::at(source(request.extensions())));
    let response = next.run(request).await;
    match strangers.map_or(Ok(()), |strangers| strangers.pass(stranger, &told)) {
        Err(problem) if !response.status().is_server_error() => problem.into_response(),
        _ => response,
    }
}

/// Runs one request: names it, logs it, renders its problem if it has one.
async fn frame(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id::of(&request);
    let style = Style::of(&request);
    request.extensions_mut().insert(style);
    request.extensions_mut().insert(RequestId(id.clone()));
    let beside = Beside::default();
    request.extensions_mut().insert(beside.clone());
    let told = Told::default();
    request.extensions_mut().insert(told.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().trim_end_matches('/').to_owned());
    // So that a line of any level is within it.
    let span = tracing::error_span!("request", request_id = %id, organization_id = tracing::field::Empty, mode = tracing::field::Empty);
    async move {
        let mut response = next.run(request).await;
        let spent = response.extensions_mut().remove::<Spent>();
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            let mut before = std::mem::take(response.headers_mut());
            response = problem.render(&id, style);
            let kept = KEPT.into_iter().filter_map(|name| Some((before.remove(&name)?, name)));
            kept.for_each(|(value, name)| drop(response.headers_mut().insert(name, value)));
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(request_id::HEADER, value);
        }
        told.show(response.headers_mut());
        beside.finish().await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Usage { read_units, write_units, .. } = spent.as_ref().map(Spent::so_far).unwrap_or_default();
        tracing::info!(%method, route, status = response.status().as_u16(), duration_ms, read_units, write_units, "request");
        response
    }
    .instrument(span)
    .await
}
