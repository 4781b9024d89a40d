//! Who is let in: the credential that the URL's token names, the carrier's signature under one of its tokens, and a nonce
//! that nobody used for anything else.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use domain::{CredentialId, callback::NonceMark, credential::CarrierCredential, secret::SecretKind};
use futures_util::future::try_join_all;
use secrecy::SecretString;
use store::{Consistency, NonceUse, access_patterns};

use crate::{
    State,
    door::{Knock, Shut},
};

/// What is counted when a nonce comes a second time with another request.
pub(crate) const REPLAYS: &str = "NonceReplays";

/// A carrier whose signature was right.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// The credential that it signed with.
    pub(crate) credential: CredentialId,
    nonces: Vec<String>,
}

impl State {
    /// The credential that a request's token names, as it is now: what was changed or ended a moment ago counts.
    pub(crate) async fn credential(&self, knock: &Knock) -> Result<Option<CarrierCredential>, Shut> {
        let token = &knock.token;
        let key = access_patterns::credential(token.org, token.mode, token.credential);
        Ok(self.table.get(key, Consistency::Strong).await?)
    }

    /// Lets a request in that its carrier signed for this credential.
    ///
    /// # Errors
    /// [`Shut::Forbidden`], whatever is missing or wrong; [`Shut::Outage`] if the tokens cannot be opened.
    pub(crate) async fn verified(&self, knock: &Knock, credential: Option<CarrierCredential>) -> Result<Visitor, Shut> {
        let credential = credential.filter(|credential| is_named(knock, credential)).ok_or(Shut::Forbidden)?;
        let tokens = self.tokens(knock, &credential).await?;
        let verified = carriers::verify(knock.carrier, &knock.request(), &tokens).map_err(|_| Shut::Forbidden)?;
        Ok(Visitor { credential: credential.id, nonces: verified.nonces })
    }

    /// The token, and the ones before while they keep verifying.
    async fn tokens(&self, knock: &Knock, credential: &CarrierCredential) -> Result<Vec<SecretString>, Shut> {
        let (now, place) = (self.clock.now(), knock.holder().place(SecretKind::CarrierToken, credential.id.as_uuid()));
        let sealed = std::iter::once(&credential.token).chain(credential.previous_tokens(now));
        Ok(try_join_all(sealed.map(|token| self.vault.open(&place, token, now))).await?)
    }

    /// Uses a request's nonces. One that came before with another request is refused, and an alarm is raised; the very
    /// same request may come again, and what it does is done once.
    ///
    /// # Errors
    /// [`Shut::Forbidden`] for a stolen nonce; [`Shut::Outage`] if the table cannot be written.
    pub(crate) async fn fresh(&self, knock: &Knock, visitor: &Visitor) -> Result<(), Shut> {
        let (mark, now) = (knock.mark(), self.clock.now());
        let marks: Vec<NonceMark> = visitor.nonces.iter().map(|nonce| NonceMark::of(nonce)).collect();
        let uses = marks.iter().map(|nonce| self.table.use_nonce(knock.holder(), visitor.credential, nonce, &mark, now));
        let uses = try_join_all(uses).await?;
        if uses.contains(&NonceUse::Stolen) {
            tracing::warn!(carrier = %knock.carrier, credential = %visitor.credential, "a nonce came again with another request");
            self.metrics.count(REPLAYS, now);
            return Err(Shut::Forbidden);
        }
        Ok(())
    }
}

/// Whether the token in the URL is the credential's, and the carrier is.
fn is_named(knock: &Knock, credential: &CarrierCredential) -> bool {
    let is_token = verify_slices_are_equal(knock.token.hash().as_bytes(), credential.callback.as_bytes()).is_ok();
    is_token && credential.carrier == knock.carrier
}
