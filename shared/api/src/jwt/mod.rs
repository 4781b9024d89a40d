//! Users told by their tokens: JWTs of the issuers that the configuration names, and of no others (ADR 0024).
//!
//! Every refusal is the same answer. No table is read before the signature holds, except for the secret of an issuer that
//! signs with one.

mod issuers;
mod jwks;
mod keys;
mod token;

use std::sync::Arc;

use domain::{Timestamp, UserId};
use runtime::Clock;
use store::Table;
use vault::Vault;

use crate::{auth::unauthorized, problem::Problem};
use issuers::Issuer;
pub use issuers::{InvalidIssuers, Issuers};
use keys::Keys;
use token::Token;
pub(crate) use token::looks_like_one;

/// Tells users by their tokens. Cheap to clone; clones share the issuers' keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users(Arc<[(Issuer, Keys)]>);

impl Users {
    /// Believes the tokens of these issuers. Asks for nothing yet.
    pub(crate) fn new(issuers: Issuers, table: &Table, vault: &Vault, clock: &Clock) -> Self {
        let with_keys = |issuer: Issuer| {
            let keys = Keys::of(&issuer, table, vault, clock);
            (issuer, keys)
        };
        Self(issuers.0.into_iter().map(with_keys).collect())
    }

    /// The user whom a token speaks of.
    ///
    /// # Errors
    /// `UNAUTHORIZED`, the same for whatever is wrong with it; an outage while the issuer's keys cannot be had.
    pub(crate) async fn user(&self, text: &str, now: Timestamp) -> Result<UserId, Problem> {
        let token = Token::read(text).map_err(refused)?;
        let of_token = |(issuer, _): &&(Issuer, Keys)| token.issuer() == Some(issuer.name.as_str());
        let (issuer, keys) = self.0.iter().find(of_token).ok_or_else(|| refused("its issuer is none of ours"))?;
        // Before the signature, since it costs less: an expired token asks for no keys.
        let user = token.check(issuer, now).map_err(refused)?;
        if keys.verify(&token, now).await? { Ok(user) } else { Err(refused("its signature does not hold")) }
    }
}

/// The log tells why, the answer does not.
fn refused(reason: token::Refusal) -> Problem {
    tracing::info!(reason, "a token was refused");
    unauthorized()
}
