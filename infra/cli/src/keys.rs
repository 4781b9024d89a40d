//! Keys of an organization as the operator names and revokes them.

use anyhow::bail;
use domain::{KeyId, Mode, OrgId, Timestamp, api_key::KeyRecord};
use store::{Table, Tenant};

/// How often a revocation is tried anew when somebody else changed the key in between.
const TRIES: usize = 5;

/// The one key that ends so and is not revoked.
///
/// # Errors
/// If there is none, or several, which are named.
pub fn id_of(keys: &[KeyRecord], hint: &str) -> anyhow::Result<KeyId> {
    let found: Vec<&KeyRecord> = keys.iter().filter(|record| record.key.revoked_at.is_none() && record.hint == hint).collect();
    match found.as_slice() {
        [one] => Ok(one.key.id),
        [] => bail!("the organization has no key that ends with {hint} and is not revoked"),
        several => {
            let ids: Vec<String> = several.iter().map(|record| record.key.id.to_string()).collect();
            bail!("several keys end with {hint}: say which with --id: {}", ids.join(", "))
        }
    }
}

/// Revokes a key; since when it is. One that is revoked stays as it is.
///
/// # Errors
/// If there is no such key, or the table fails.
pub async fn revoke(table: &Table, org: OrgId, id: KeyId, now: Timestamp) -> anyhow::Result<Timestamp> {
    for _ in 0..TRIES {
        let Some(seen) = table.key_record(Tenant::new(org, Mode::Live), id).await? else { bail!("the organization has no key {id}") };
        if let Some(revoked_at) = seen.key.revoked_at {
            return Ok(revoked_at);
        }
        if table.replace_api_key(&seen, &seen.key.revoked(now)).await? {
            return Ok(now);
        }
    }
    bail!("the key keeps being changed by others: run it again")
}
