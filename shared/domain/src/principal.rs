//! Who calls: the holder of an API key, or a user.

use std::fmt;

use uuid::Uuid;

use crate::{KeyId, UserId};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Whoever holds this API key.
    Key(KeyId),
    /// This user.
    User(UserId),
}

impl Principal {
    /// The id of the key or the user.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        match self {
            Self::Key(id) => id.as_uuid(),
            Self::User(id) => id.as_uuid(),
        }
    }

    /// Bytes that tell one principal from every other.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            // As requests were told apart before there were users.
            Self::Key(id) => id.as_uuid().as_bytes().to_vec(),
            Self::User(id) => [b"user", id.as_uuid().as_bytes().as_slice()].concat(),
        }
    }
}

/// `key` or `user`, and the id.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::User(id) => write!(f, "user {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_user_with_the_same_id_are_two() {
        let uuid = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let (key, user) = (Principal::Key(KeyId::from_uuid(uuid)), Principal::User(UserId::from_uuid(uuid)));
        assert_ne!(key.to_bytes(), user.to_bytes());
        assert_ne!(key.to_string(), user.to_string());
    }
}
