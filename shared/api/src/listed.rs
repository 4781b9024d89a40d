//! A list's answer: a bare array with the total and the next page in headers, or the same in an envelope.

use axum::{
    Json,
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Page;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// How a list is asked for.
#[derive(Debug)]
pub struct Listed {
    /// The items' name in an envelope.
    pub name: &'static str,
    /// The part that is shown.
    pub page: Page,
    /// Whether in an envelope.
    pub envelope: bool,
    /// The address of the list itself.
    pub uri: OriginalUri,
}

impl Listed {
    /// Answers with the page of all items that match; `show` makes each of them what the client sees.
    pub fn answer<T, W: Serialize>(self, all: Vec<T>, show: impl FnMut(T) -> W) -> Response {
        let total = all.len();
        let items: Vec<W> = self.page.of(all).into_iter().map(show).collect();
        let Page { limit, offset } = self.page;
        let body = if self.envelope {
            json!({self.name: items, "total": total, "limit": limit, "offset": offset, "next_cursor": Value::Null})
        } else {
            json!(items)
        };
        self.with_total(total, &body)
    }

    /// Answers as the telephony routes do, in an envelope always: the items under their name and once more as `data`.
    pub fn answer_twice<T, W: Serialize>(self, all: Vec<T>, show: impl FnMut(T) -> W) -> Response {
        let total = all.len();
        let items: Vec<W> = self.page.of(all).into_iter().map(show).collect();
        let body = json!({self.name: items, "data": items, "total": total});
        self.with_total(total, &body)
    }

    fn with_total(&self, total: usize, body: &Value) -> Response {
        let mut response = Json(body).into_response();
        response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(total));
        if let Some(link) = self.next(total) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    /// The `Link` header to the next page, if there is one.
    fn next(&self, total: usize) -> Option<HeaderValue> {
        let next = self.page.offset.checked_add(self.page.limit).filter(|next| *next < total)?;
        let query = self.uri.query().unwrap_or_default().as_bytes();
        let kept = form_urlencoded::parse(query).filter(|(name, _)| name != "offset" && name != "page");
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("offset", &next.to_string()).finish();
        HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", self.uri.path())).ok()
    }
}
