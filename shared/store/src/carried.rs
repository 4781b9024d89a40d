//! Whose the calls are that come by the operator's carriers: noted when the carrier asks where a call goes, so that what
//! it tells later reaches the organization of the call, whoever holds the number by then.

use domain::{
    CredentialId, OrgId, Timestamp,
    callback::{CARRIED_KEPT_SECONDS, CallMark},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access_patterns,
    error::StoreError,
    item::serde_item,
    keys::{Keys, Tenant},
    table::{Consistency, Table},
};

/// Whose a carrier's call is. It lies with the operator, where nobody looks who erases an organization: so what lies there names none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedCall {
    /// The organization's id, masked by the call's.
    pub masked: Uuid,
    /// Until when that is kept, in seconds since 1970.
    pub expires_at: i64,
}

serde_item!(CarriedCall, "carried_call", (Tenant, CredentialId, CallMark), |_carried, scope| Keys::primary(access_patterns::carried_call(
    scope.0.org(),
    scope.0.mode(),
    scope.1,
    &scope.2
)));

impl Table {
    /// Notes whose a call is that came by a credential of `holder`'s. Who was noted first stays; it is kept for three days.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_carried(
        &self,
        holder: Tenant,
        credential: CredentialId,
        call: &CallMark,
        organization_id: OrgId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let carried = CarriedCall { masked: call.masked(organization_id.as_uuid()), expires_at: now.as_seconds() + CARRIED_KEPT_SECONDS };
        self.create(&carried, &(holder, credential, call.clone())).await.map(drop)
    }

    /// Whose a call is that came by a credential of `holder`'s; `None` if nobody asked about it in the last days.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn carried(&self, holder: Tenant, credential: CredentialId, call: &CallMark) -> Result<Option<OrgId>, StoreError> {
        let key = access_patterns::carried_call(holder.org(), holder.mode(), credential, call);
        Ok(self.get(key, Consistency::Strong).await?.map(|carried| OrgId::from_uuid(call.masked(carried.masked))))
    }
}
