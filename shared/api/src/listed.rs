//! A list's answer: a bare array with the total and the next page in headers, or the same in an envelope.

use axum::{
    Json,
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::{Value, json};
use store::Tenant;

use crate::{Cursors, Page, Problem};

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// How the keys of a list's items follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first: ids fall.
    Falling,
    /// By number: keys rise.
    Rising,
}

impl Order {
    /// Whether `key` comes after `position`.
    fn is_after(self, key: &str, position: &str) -> bool {
        match self {
            Self::Falling => key < position,
            Self::Rising => key > position,
        }
    }
}

/// How a list is asked for.
#[derive(Debug)]
pub struct Listed<'a> {
    /// The list's name in its cursors.
    pub list: &'static str,
    /// The items' name in an envelope.
    pub name: &'static str,
    /// The part that is shown.
    pub page: Page,
    /// Whether in an envelope.
    pub envelope: bool,
    /// The address of the list itself.
    pub uri: OriginalUri,
    /// Whose list it is.
    pub tenant: Tenant,
    /// What makes cursors.
    pub cursors: &'a Cursors,
}

/// The part of a list that a page shows.
#[derive(Debug)]
pub struct Part<T> {
    /// Its items.
    pub items: Vec<T>,
    /// How many items the whole list has.
    pub total: usize,
    /// How many come before.
    pub offset: usize,
    /// How many there are up to its last item.
    pub end: usize,
    /// The cursor of the next page, `None` on the last one.
    pub next_cursor: Option<String>,
}

impl Listed<'_> {
    /// Answers with the page of all items that match, sorted by `key` in `order`; `show` makes each of them what the
    /// client sees.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a cursor that is not one of this list; an outage while its key cannot be had.
    pub async fn answer<T, W: Serialize>(
        self,
        all: Vec<T>,
        order: Order,
        key: impl Fn(&T) -> String,
        show: impl FnMut(T) -> W,
    ) -> Result<Response, Problem> {
        let mut part = self.part(all, order, key).await?;
        let items: Vec<W> = std::mem::take(&mut part.items).into_iter().map(show).collect();
        let body = if self.envelope {
            json!({
                self.name: items,
                "total": part.total,
                "limit": self.page.limit,
                "offset": part.offset,
                "next_cursor": part.next_cursor,
            })
        } else {
            json!(items)
        };
        Ok(self.with_total(&part, &body))
    }

    /// Answers as the telephony routes do, in an envelope always: the items under their name and once more as `data`.
    ///
    /// # Errors
    /// As [`Listed::answer`].
    pub async fn answer_twice<T, W: Serialize>(
        self,
        all: Vec<T>,
        order: Order,
        key: impl Fn(&T) -> String,
        show: impl FnMut(T) -> W,
    ) -> Result<Response, Problem> {
        let mut part = self.part(all, order, key).await?;
        let items: Vec<W> = std::mem::take(&mut part.items).into_iter().map(show).collect();
        let body = json!({self.name: items, "data": items, "total": part.total, "next_cursor": part.next_cursor});
        Ok(self.with_total(&part, &body))
    }

    fn with_total<T>(&self, part: &Part<T>, body: &Value) -> Response {
        let mut response = Json(body).into_response();
        response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(part.total));
        if let Some(link) = self.next(part) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    /// The part of all items that the page shows.
    ///
    /// # Errors
    /// As [`Listed::answer`].
    pub async fn part<T>(&self, all: Vec<T>, order: Order, key: impl Fn(&T) -> String) -> Result<Part<T>, Problem> {
        let list = format!("{}?{}", self.list, self.page.filters);
        let offset = match &self.page.cursor {
            None => self.page.offset,
            Some(cursor) => {
                let position = self.cursors.open(self.tenant, &list, cursor).await?;
                all.iter().position(|item| order.is_after(&key(item), &position)).unwrap_or(all.len())
            }
        };
        let total = all.len();
        let items: Vec<T> = all.into_iter().skip(offset).take(self.page.limit).collect();
        let next_cursor = match items.last() {
            Some(last) if offset + items.len() < total => self.cursors.sign(self.tenant, &list, &key(last)).await,
            _ => None,
        };
        Ok(Part { end: offset.saturating_add(items.len()).min(total), items, total, offset, next_cursor })
    }

    /// The `Link` header to the next page, if there is one: by cursor, or by offset while none can be made.
    fn next<T>(&self, part: &Part<T>) -> Option<HeaderValue> {
        if part.end >= part.total {
            return None;
        }
        let query = self.uri.query().unwrap_or_default().as_bytes();
        let kept = form_urlencoded::parse(query).filter(|(name, _)| !matches!(&**name, "offset" | "page" | "cursor"));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        match &part.next_cursor {
            Some(cursor) => query.append_pair("cursor", cursor),
            None => query.append_pair("offset", &part.end.to_string()),
        };
        HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", self.uri.path(), query.finish())).ok()
    }
}
