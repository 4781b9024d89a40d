//! Secrets of the deployment itself: made once, by whichever process needs one first, and sealed.

use domain::{
    Mode, OrgId,
    secret::{Sealed, SecretKind, SecretPlace},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access_patterns,
    error::StoreError,
    item::serde_item,
    keys::{Keys, Segment},
    table::{Consistency, Created, Table},
};

/// Which secret of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingName {
    /// The key that signs cursors.
    CursorKey,
}

impl SettingName {
    /// Where it may be opened: it belongs to no organization, so the nil one stands for all.
    #[must_use]
    pub const fn place(self) -> SecretPlace {
        let id = match self {
            Self::CursorKey => Uuid::from_u128(1),
        };
        SecretPlace { org: OrgId::from_uuid(Uuid::nil()), mode: Mode::Live, kind: SecretKind::Configuration, id }
    }
}

impl Segment for SettingName {
    fn segment(&self) -> String {
        match self {
            Self::CursorKey => "cursor-key",
        }
        .to_owned()
    }
}

/// A secret of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSetting {
    /// The secret, sealed.
    pub secret: Sealed,
}

serde_item!(SecretSetting, "setting", SettingName, |_setting, name| Keys::primary(access_patterns::setting(*name)));

impl Table {
    /// A secret of the deployment; `None` before the first process made it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn setting(&self, name: SettingName) -> Result<Option<SecretSetting>, StoreError> {
        self.get(access_patterns::setting(name), Consistency::EventualIfThere).await
    }

    /// Stores a secret of the deployment unless there is one: of any number of processes all get the first one's.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn settle(&self, name: SettingName, setting: SecretSetting) -> Result<SecretSetting, StoreError> {
        Ok(match self.create(&setting, &name).await? {
            Created::New => setting,
            Created::Exists(first) => first,
        })
    }
}
