//! Whose call it is: the one place of this function that makes a tenant. It takes it from a callback token, from who holds the
//! dialled number, or from a URL of ours whose signature was checked; and what a client wrote decides nothing.
#![expect(clippy::disallowed_methods, reason = "a carrier has no key: its token, its signature and the number tell whose call it is")]

use domain::{NumberId, OrgId, callback::CallbackToken, number::Claim};
use store::Tenant;

/// Whose credential a token names.
pub(crate) const fn holder(token: &CallbackToken) -> Tenant {
    Tenant::new(token.org, token.mode)
}

/// Whether it is the operator, by whose credentials the calls of many organizations come.
pub(crate) fn is_platform(tenant: Tenant) -> bool {
    tenant.org() == OrgId::PLATFORM
}

/// Whose number it is that `asker` asks about: an organization is told of its own numbers, the operator of all.
pub(crate) fn held(asker: Tenant, claim: Option<&Claim>) -> Option<(Tenant, NumberId)> {
    let claim = claim.filter(|claim| is_platform(asker) || claim.organization_id == asker.org())?;
    Some((Tenant::new(claim.organization_id, asker.mode()), claim.number_id))
}

/// Whose a call is that a carrier asks about, and the claim of its number: who holds that. What comes by an organization's own
/// credential is that organization's call, whoever holds the number; by the operator's it is nobody's if nobody is known to.
pub(crate) fn asked(holder: Tenant, claim: Option<Claim>) -> Option<(Tenant, Option<Claim>)> {
    match held(holder, claim.as_ref()) {
        Some((tenant, _)) => Some((tenant, claim)),
        None => (!is_platform(holder)).then_some((holder, None)),
    }
}

/// Whose call it was when the operator's carrier asked about it.
pub(crate) const fn carried(holder: Tenant, org: OrgId) -> Tenant {
    Tenant::new(org, holder.mode())
}

/// Whose call a URL names that stood in an answer's XML: only one to the operator's credential has to.
pub(crate) fn named(holder: Tenant, organization: &str) -> Option<Tenant> {
    organization.parse().ok().map(|org| Tenant::new(org, holder.mode()))
}
