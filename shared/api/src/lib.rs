//! What lies between API Gateway and a handler: who is calling, what they sent, how an answer or a problem looks.
//!
//! A handler never touches a header, a JSON parser or a status code of an error. [`Routes`] say what each route asks of its
//! caller, [`Caller`] is the only source of an organization in HTTP code, and [`Problem`] the only way to say no.

pub mod app;
mod audit;
mod auth;
mod beside;
mod cors;
mod cursor;
mod deployment_key;
mod fields;
mod idempotency;
mod jwt;
mod lifecycle;
mod listed;
mod object;
mod page;
mod path;
mod problem;
mod query;
mod rate;
mod request_id;
mod routes;
mod sent_path;
mod settings;
mod spent;
mod style;
mod walked;

pub use app::{app, framed, open};
pub use audit::Audit;
pub use auth::{Caller, Gate, Identity};
pub use cors::{InvalidOrigins, Origins};
pub use cursor::Cursors;
pub use fields::{Fields, JsonBody};
pub use idempotency::{Born, Idempotency, KeptInstead, ShowsSecret};
pub use jwt::{InvalidIssuers, Issuers};
pub use lifecycle::{Lifecycle, News};
pub use listed::{Listed, Order, Part};
pub use page::Page;
pub use path::PathId;
pub use problem::{Code, Problem};
pub use query::Query;
pub use rate::{Rates, Strangers};
pub use routes::{Access, Route, Routes};
pub use settings::Settings;
pub use walked::Walked;
