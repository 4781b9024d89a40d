//! The signing secrets of subscriptions: sealed for one, and opened for those who may see them.

use api::{Caller, Problem};
use domain::{
    SubscriptionId,
    secret::{Sealed, SecretKind, SecretPlace},
    subscription::Subscription,
};
use runtime::random;
use secrecy::SecretString;
use webhooks::sign::SigningSecret;

/// A new secret, sealed for this subscription.
pub(crate) async fn generate(state: &crate::State, caller: &Caller, id: SubscriptionId) -> Result<Sealed, Problem> {
    let secret = SigningSecret::generate(&random::bytes());
    Ok(state.vault.seal(&place(caller, id), secret.reveal(), state.clock.now()).await?)
}

/// A subscription's secret, revealed.
pub(crate) async fn reveal(state: &crate::State, caller: &Caller, subscription: &Subscription) -> Result<SecretString, Problem> {
    Ok(state.vault.open(&place(caller, subscription.id), &subscription.secret, state.clock.now()).await?)
}

fn place(caller: &Caller, id: SubscriptionId) -> SecretPlace {
    caller.tenant.place(SecretKind::WebhookSecret, id.as_uuid())
}
