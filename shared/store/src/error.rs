//! What can go wrong with the table itself. What a caller has to know (not there, taken, changed) is an answer of
//! the operation, not an error.

use std::error::Error;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// The table did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, unreachable, too slow, or in conflict for too long: trying again later may help.
    #[error("the table is unavailable: {0}")]
    Unavailable(String),
    /// The table refused the request as such: a fault of ours or of the deployment (permissions, a missing table).
    #[error("the table refused: {0}")]
    Refused(String),
    /// The item would be larger than an item may be, 400 KB: it will never fit.
    #[error("the item would be larger than the table allows")]
    TooLarge,
    /// An item is not what was written.
    #[error("a stored {kind} cannot be read: {cause}")]
    Corrupt {
        /// The item's kind.
        kind: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

/// Error codes that mean «later», beside transport errors. From the DynamoDB developer guide, «Error handling».
const LATER: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ReplicatedWriteConflictException",
];

impl StoreError {
    pub(crate) fn corrupt(kind: &'static str, cause: impl ToString) -> Self {
        Self::Corrupt { kind, cause: cause.to_string() }
    }

    /// Sorts an SDK error into «later» and «never».
    pub(crate) fn from_sdk<E>(error: &SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let text = DisplayErrorContext(error).to_string();
        match error.as_service_error() {
            None => Self::Unavailable(text),
            Some(service) if service.code().is_some_and(|code| LATER.contains(&code)) => Self::Unavailable(text),
            Some(service) if service.message().is_some_and(|message| message.contains("tem size")) => Self::TooLarge,
            Some(_) => Self::Refused(text),
        }
    }
}
