//! Cursors: where a walk through a list goes on, signed, so that a client can only send back what it was given.
//!
//! A cursor is the position in the list and a MAC over organization, mode, list and position: one of another
//! organization or list, or with a changed byte, is refused. The key is a secret of the deployment, opened once per
//! process and only where a cursor is made or read.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Invalid;
use runtime::Clock;
use store::{SettingName, Table, Tenant};
use vault::Vault;

use crate::{
    deployment_key::DeploymentKey,
    problem::{Code, Problem},
};

/// Bytes of the MAC that a cursor carries: half of an HMAC-SHA256, as RFC 2104 (§5) allows.
const TAG_BYTES: usize = 16;

/// The longest cursor that is looked at.
const MAX_CHARS: usize = 512;

/// Makes and reads cursors. Cheap to clone; clones share the key.
#[derive(Debug, Clone)]
pub struct Cursors {
    key: DeploymentKey,
}

impl Cursors {
    /// Keeps its key in this table, sealed by this vault. Asks for nothing yet.
    #[must_use]
    pub fn new(table: Table, vault: Vault, clock: Clock) -> Self {
        Self { key: DeploymentKey::new(SettingName::CursorKey, table, vault, clock) }
    }

    /// The cursor that goes on after `position`; `list` names the list and its filters.
    ///
    /// `None` if the key cannot be had now: a page is worth more than the way to the next one, which can be asked for
    /// by offset.
    pub async fn sign(&self, tenant: Tenant, list: &str, position: &str) -> Option<String> {
        let key = self.key.get().await.inspect_err(|problem| tracing::warn!(?problem, "no cursor was made")).ok()?;
        let tag = hmac::sign(key, &signed(tenant, list, position));
        Some(URL_SAFE_NO_PAD.encode([&tag.as_ref()[..TAG_BYTES], position.as_bytes()].concat()))
    }

    /// The cursor that goes on after `position`, for a list that has no other way to go on.
    ///
    /// # Errors
    /// `ENCRYPTION_UNAVAILABLE` if the key cannot be had now.
    pub async fn must_sign(&self, tenant: Tenant, list: &str, position: &str) -> Result<String, Problem> {
        let cursor = self.sign(tenant, list, position).await;
        cursor.ok_or_else(|| Problem::new(Code::EncryptionUnavailable, "Encryption service unavailable"))
    }

    /// The position that a cursor of this list names.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for `cursor` if we did not make it, or made it for another list, filter or organization; an
    /// outage if the key cannot be had.
    pub async fn open(&self, tenant: Tenant, list: &str, cursor: &str) -> Result<String, Problem> {
        let (tag, position) = take_apart(cursor).ok_or_else(foreign)?;
        let whole = hmac::sign(self.key.get().await?, &signed(tenant, list, &position));
        aws_lc_rs::constant_time::verify_slices_are_equal(&whole.as_ref()[..TAG_BYTES], &tag).map_err(|_| foreign())?;
        Ok(position)
    }
}

/// What the MAC covers. No list has the separator in its name, and organization and mode are of fixed form.
fn signed(tenant: Tenant, list: &str, position: &str) -> Vec<u8> {
    format!("{}\n{}\n{list}\n{position}", tenant.org(), tenant.mode()).into_bytes()
}

fn take_apart(cursor: &str) -> Option<([u8; TAG_BYTES], String)> {
    if cursor.len() > MAX_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (tag, position) = bytes.split_first_chunk::<TAG_BYTES>()?;
    Some((*tag, String::from_utf8(position.to_vec()).ok()?))
}

fn foreign() -> Problem {
    Problem::invalid(vec![Invalid::new("cursor", "is not a cursor of this list with these filters")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_any_cursor_is_not_even_decoded() {
        let cursor = |chars| "A".repeat(chars);
        assert!(take_apart(&cursor(MAX_CHARS)).is_some());
        for longer in [2, 4, MAX_CHARS] {
            assert!(take_apart(&cursor(MAX_CHARS + longer)).is_none());
        }
    }
}
