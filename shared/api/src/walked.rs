//! A list that goes on by cursor alone: its page, and its answer with the way to the next one.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Uri, header::LINK};
use serde::Serialize;

use crate::{Page, query::Query};

/// The answer: `data`, `limit` and `next_cursor`, and the next page in the `Link` header if there is one.
#[derive(Debug, Serialize)]
pub struct Walked<T> {
    /// The items of the page.
    pub data: Vec<T>,
    /// How many were asked for.
    pub limit: usize,
    /// Where the list goes on; `None` where nothing more is found.
    pub next_cursor: Option<String>,
}

impl Page {
    /// Reads a page of such a list: `limit` and `cursor`, and nothing that counts from the list's beginning.
    #[must_use]
    pub fn by_cursor(query: &mut Query, default_limit: u64) -> Self {
        let page = Self::read(query, default_limit);
        for parameter in ["offset", "page"] {
            if query.has(parameter) {
                query.fault(parameter, "is not taken by this list: go on by cursor");
            }
        }
        page
    }
}

impl<T: Serialize> Walked<T> {
    /// The response to a request for this URI.
    pub fn answer(self, uri: &Uri) -> Response {
        let link = self.next_cursor.as_deref().and_then(|cursor| next(uri, cursor));
        let mut response = Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}

fn next(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let kept = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(name, _)| name != "cursor");
    query.extend_pairs(kept).append_pair("cursor", cursor);
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())).ok()
}
