//! Keys of the deployment itself, sealed: made once by whichever process needs one first.

use std::str::FromStr;

use domain::secret::{Sealed, SecretPlace};
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
    /// The key from which the peppers of users are made.
    PepperKey,
}

impl SettingName {
    /// Where it may be opened.
    #[must_use]
    pub const fn place(self) -> SecretPlace {
        let id = match self {
            Self::CursorKey => Uuid::from_u128(1),
            Self::PepperKey => Uuid::from_u128(2),
        };
        SecretPlace::of_deployment(id)
    }
}

impl Segment for SettingName {
    fn segment(&self) -> String {
        match self {
            Self::CursorKey => "cursor-key".to_owned(),
            Self::PepperKey => "pepper-key".to_owned(),
        }
    }
}

/// The text names no setting.
#[derive(Debug, thiserror::Error)]
#[error("names no setting")]
pub struct UnknownSetting;

/// Reads what stands in a key.
impl FromStr for SettingName {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        match text {
            "cursor-key" => Ok(Self::CursorKey),
            "pepper-key" => Ok(Self::PepperKey),
            _ => Err(UnknownSetting),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_back_from_its_key_and_opens_in_a_place_of_its_own() {
        let all = [SettingName::CursorKey, SettingName::PepperKey];
        for (at, name) in all.iter().enumerate() {
            assert_eq!(name.segment().parse::<SettingName>().ok(), Some(*name));
            assert!(all[..at].iter().all(|other| other.place() != name.place()), "{name:?}");
        }
        for wrong in ["", "cursor"] {
            assert!(wrong.parse::<SettingName>().is_err(), "{wrong}");
        }
    }
}
