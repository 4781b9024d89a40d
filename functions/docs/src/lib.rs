//! The API's description, a page that shows it, and the answer to everything that no other function answers.
//!
//! It works on nothing: no table, no queue, no key. What it serves was compressed when it was built. Whoever asks is counted for
//! their address.

mod asset;

use api::{Problem, Strangers};
use axum::{
    Json, Router,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get},
};
use domain::rate::Rate;
use http::{HeaderValue, StatusCode, header::LOCATION};
use runtime::{
    Clock,
    env::{self, ConfigError},
};
use serde_json::{Value, json};

/// The function by the deployment's rate, which is `RATE_LIMIT`.
///
/// # Errors
/// [`ConfigError`] if that is none.
pub fn from_env() -> Result<Router, ConfigError> {
    let rate = env::parsed("RATE_LIMIT")?.unwrap_or(Rate::DEFAULT);
    Ok(app(Strangers::new(rate, Clock::System)))
}

/// The function; everybody who asks is a stranger.
pub fn app(strangers: Strangers) -> Router {
    let served = served().fold(Router::new(), |router, (path, served)| router.route(path, served));
    api::open(served.fallback(elsewhere), strangers)
}

/// The paths at which it has something.
pub fn paths() -> impl Iterator<Item = &'static str> {
    served().map(|(path, _)| path)
}

fn served() -> impl Iterator<Item = (&'static str, MethodRouter)> {
    let assets = asset::ASSETS.iter().map(|asset| (asset.path, get(async |request| asset.answer(&request))));
    assets.chain([("/health", get(health))])
}

/// `GET /health`: somebody answers.
async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// What no function answers: a path with a slash at its end is led to the one without, and everything else is not
/// found.
async fn elsewhere(request: Request) -> Response {
    let without_slash = stripped(&request).and_then(|location| HeaderValue::from_str(&location).ok());
    match without_slash {
        // Method and body stay as they are.
        Some(location) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response(),
        None => Problem::not_found("Route").into_response(),
    }
}

/// The address without the slash at its end. Only where there is something: another path could lead to another host.
fn stripped(request: &Request) -> Option<String> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let is_of_the_api = path.starts_with("/v1/") || path.starts_with("/api/v1/") || path == "/docs/";
    let path = path.strip_suffix('/').filter(|path| is_of_the_api && !path.ends_with('/'))?;
    Some(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}
