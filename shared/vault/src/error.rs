//! Why the vault could not serve: told apart by what a caller has to do, without a byte of any secret.

use std::error::Error;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

type Cause = Box<dyn Error + Send + Sync>;

/// Why a secret was not sealed or not opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// KMS is unreachable, late, throttled, denies access, or its key is disabled. It may pass: answer 503.
    #[error("the encryption service is unavailable")]
    Unavailable(#[source] Cause),
    /// KMS refuses the key under which the value was sealed: it is gone, disabled, or not this caller's to use. Only who
    /// walks over all values makes a difference to [`VaultError::Unavailable`].
    #[error("KMS refuses the key under which the value was sealed")]
    KeyRefused(#[source] Cause),
    /// The value does not open in this place: it was sealed for another one, was changed, or is malformed. It will
    /// never open: a fault of the data, not of the caller.
    #[error("the sealed value does not open here")]
    Corrupt(#[source] Cause),
}

/// What went wrong around KMS, without its answer: an answer that cannot be read may hold a plaintext key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KmsFault {
    #[error("KMS answered {code}")]
    Answered {
        code: String,
        #[source]
        cause: Cause,
    },
    #[error("KMS was not reached")]
    Unreached(#[source] Cause),
    #[error("KMS did not answer in time")]
    Late,
    #[error("the answer of KMS is not a data key")]
    Unreadable,
}

impl VaultError {
    /// The same, told apart where KMS refuses a key for good.
    pub(crate) fn of_old_key(self) -> Self {
        match self {
            Self::Unavailable(cause) if cause.downcast_ref::<KmsFault>().is_some_and(KmsFault::is_refused_key) => Self::KeyRefused(cause),
            other => other,
        }
    }
}

impl From<KmsFault> for VaultError {
    fn from(fault: KmsFault) -> Self {
        Self::Unavailable(Box::new(fault))
    }
}

impl KmsFault {
    /// Keeps what KMS said as its error, and of a failed transport its cause; the raw answer is dropped.
    pub(crate) fn of<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(context) = error {
            let cause = context.into_err();
            let code = cause.code().unwrap_or("an error without a code").to_owned();
            return Self::Answered { code, cause: Box::new(cause) };
        }
        if matches!(error, SdkError::TimeoutError(_)) {
            return Self::Late;
        }
        if matches!(error, SdkError::ResponseError(_)) {
            return Self::Unreadable;
        }
        error.into_source().map_or(Self::Unreadable, Self::Unreached)
    }

    /// Whether KMS says that what it was to unwrap is not a key it made, under this key and this context.
    pub(crate) fn is_foreign_key(&self) -> bool {
        let foreign = ["InvalidCiphertextException", "IncorrectKeyException", "ValidationException"];
        matches!(self, Self::Answered { code, .. } if foreign.contains(&code.as_str()))
    }
}

impl KmsFault {
    /// Whether KMS will not use the key, whoever asks when.
    pub(crate) fn is_refused_key(&self) -> bool {
        let refused = ["NotFoundException", "DisabledException", "KMSInvalidStateException", "AccessDeniedException"];
        matches!(self, Self::Answered { code, .. } if refused.contains(&code.as_str()))
    }
}

/// What is wrong with a sealed value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it is not in a form this version knows")]
    Malformed,
    #[error("it is authentic nowhere or elsewhere")]
    Unauthentic,
    #[error("KMS does not know its data key under this kind of secret")]
    ForeignKey(#[source] KmsFault),
    #[error("it holds no text")]
    NoText,
}

impl From<Fault> for VaultError {
    fn from(fault: Fault) -> Self {
        Self::Corrupt(Box::new(fault))
    }
}
