//! Who is let in: the credential that the URL's token names, the carrier's signature under one of its tokens, and a nonce
//! that nobody used for anything else.

use std::collections::HashMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use carriers::Verified;
use domain::{callback::NonceMark, credential::CarrierCredential, secret::SecretKind};
use futures_util::future::{join_all, try_join_all};
use store::{NonceUse, StoreError};

use crate::{
    State,
    door::{Knock, Shut},
};

/// What is counted when a nonce comes a second time with another request.
pub(crate) const REPLAYS: &str = "NonceReplays";

impl State {
    /// The credential that a request's token names, as it is now: what was changed or ended a moment ago counts.
    ///
    /// # Errors
    /// [`Shut::Forbidden`] if there is none, or not with this token; [`Shut::Outage`] if the table cannot be read.
    pub(crate) async fn credential(&self, knock: &Knock) -> Result<CarrierCredential, Shut> {
        let credential = self.table.credential_named_by(&knock.token).await?;
        credential.filter(|credential| is_named(knock, credential)).ok_or(Shut::Forbidden)
    }

    /// Checks a request's signature, if that asks nobody; `None` if KMS has to unwrap a token's key first.
    ///
    /// # Errors
    /// As [`verified`](Self::verified).
    pub(crate) async fn verified_at_once(&self, knock: &Knock, credential: &CarrierCredential) -> Result<Option<Verified>, Shut> {
        let now = self.clock.now();
        let is_at_hand = credential.signers(now).all(|token| self.vault.opens_at_once(SecretKind::CarrierToken, token, now));
        if is_at_hand { self.verified(knock, credential).await.map(Some) } else { Ok(None) }
    }

    /// Checks that the carrier signed a request for this credential, by the token or one before that keeps verifying.
    ///
    /// # Errors
    /// [`Shut::Forbidden`], whatever is missing or wrong; [`Shut::Outage`] if the tokens cannot be opened.
    pub(crate) async fn verified(&self, knock: &Knock, credential: &CarrierCredential) -> Result<Verified, Shut> {
        let (now, place) = (self.clock.now(), knock.holder().place(SecretKind::CarrierToken, credential.id.as_uuid()));
        let tokens = try_join_all(credential.signers(now).map(|token| self.vault.open(&place, token, now))).await?;
        carriers::verify(knock.carrier, &knock.request(), &tokens).map_err(|_| Shut::Forbidden)
    }

    /// Lets a request in, and uses its nonces up. One that came before with another request is refused, and an alarm is
    /// raised; the very same request may come again, and what it does is done once.
    ///
    /// Where KMS has to be asked before the signature can be checked, the nonces are used beside that: a carrier waits for
    /// the answer. So a process that is cold may use one up for who knows the URL and not the token; that helps nobody.
    ///
    /// # Errors
    /// As [`verified`](Self::verified); [`Shut::Forbidden`] for a stolen nonce; [`Shut::Outage`] if the table cannot be
    /// written.
    pub(crate) async fn admitted(&self, knock: &Knock, credential: &CarrierCredential, verified: Option<Verified>) -> Result<(), Shut> {
        let (verified, mut used) = if let Some(verified) = verified {
            let used = self.use_nonces(knock, &verified.nonces).await;
            (verified, used)
        } else {
            let offered = carriers::nonces(knock.carrier, &knock.request());
            let (verified, used) = tokio::join!(self.verified(knock, credential), self.use_nonces(knock, &offered));
            (verified?, used)
        };
        for nonce in &verified.nonces {
            match used.remove(nonce) {
                Some(Ok(NonceUse::First | NonceUse::Again)) => {}
                Some(Ok(NonceUse::Stolen)) => return Err(self.stolen(knock)),
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Shut::Outage("a nonce that is signed was not offered".to_owned())),
            }
        }
        Ok(())
    }

    async fn use_nonces(&self, knock: &Knock, nonces: &[String]) -> HashMap<String, Result<NonceUse, StoreError>> {
        let (mark, now) = (knock.mark(), self.clock.now());
        let used = async |nonce: &String| {
            let used = self.table.use_nonce(knock.holder(), knock.token.credential, &NonceMark::of(nonce), &mark, now).await;
            (nonce.clone(), used)
        };
        join_all(nonces.iter().map(used)).await.into_iter().collect()
    }

    fn stolen(&self, knock: &Knock) -> Shut {
        tracing::warn!(carrier = %knock.carrier, credential = %knock.token.credential, "a nonce came again with another request");
        self.metrics.count(REPLAYS, self.clock.now());
        Shut::Forbidden
    }
}

/// Whether the token in the URL is the credential's, and the carrier is.
fn is_named(knock: &Knock, credential: &CarrierCredential) -> bool {
    let is_token = verify_slices_are_equal(knock.token.hash().as_bytes(), credential.callback.as_bytes()).is_ok();
    is_token && credential.carrier == knock.carrier
}
