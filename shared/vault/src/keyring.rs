//! The data keys of this process: which one seals now, which ones were unwrapped, and the calls to KMS for more.
//!
//! Both stores hold cells that fill once. Tasks that need the same key at the same time wait for one cell, so KMS is
//! asked once; a failed call leaves its cell empty for the next task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_kms::{Client, primitives::Blob, types::DataKeySpec};
use domain::{Timestamp, secret::SecretKind};
use runtime::Lazily;
use tokio::{sync::OnceCell, time::timeout};
use zeroize::Zeroizing;

use crate::{
    data_key::{DataKey, WrappedKey},
    error::{Fault, KmsFault, VaultError},
};

/// How long a data key is used in this process, in milliseconds: one hour.
pub(crate) const MAX_AGE_MS: i64 = 3_600_000;

/// How many secrets one data key seals.
pub(crate) const MAX_SEALS: u32 = 1 << 20;

/// How many unwrapped data keys are kept for opening.
pub(crate) const MAX_OPENING_KEYS: usize = 256;

/// How long a task waits for KMS, retries and other tasks' calls included.
const KMS_LIMIT: Duration = Duration::from_secs(3);

/// The name of the kind in KMS encryption contexts.
const CONTEXT_KIND: &str = "kind";

/// The longest wrapped key and key id that an envelope can carry, in bytes.
const MAX_PART: usize = u16::MAX as usize;

type Cell = Arc<OnceCell<Arc<DataKey>>>;

/// The data keys in use, and the KMS key behind them.
pub(crate) struct Keyring {
    kms: Lazily<Client>,
    key_id: String,
    sealing: Mutex<HashMap<SecretKind, SealingKey>>,
    opening: Mutex<HashMap<(SecretKind, WrappedKey), OpeningKey>>,
}

/// The key that seals secrets of one kind now.
struct SealingKey {
    cell: Cell,
    since: Timestamp,
    seals: u32,
}

struct OpeningKey {
    cell: Cell,
    since: Timestamp,
}

impl Keyring {
    pub(crate) fn new(kms: Lazily<Client>, key_id: String) -> Self {
        Self { kms, key_id, sealing: Mutex::default(), opening: Mutex::default() }
    }

    /// The key to seal one secret of this kind with.
    pub(crate) async fn for_sealing(&self, kind: SecretKind, now: Timestamp) -> Result<Arc<DataKey>, VaultError> {
        let cell = self.sealing_cell(kind, now);
        let key = timeout(KMS_LIMIT, cell.get_or_try_init(|| self.generate(kind, now))).await;
        Ok(Arc::clone(key.map_err(|_| KmsFault::Late)??))
    }

    /// The key that a sealed secret of this kind names.
    pub(crate) async fn for_opening(&self, kind: SecretKind, wrapped: &WrappedKey, now: Timestamp) -> Result<Arc<DataKey>, VaultError> {
        let cell = self.opening_cell(kind, wrapped, now);
        let key = timeout(KMS_LIMIT, cell.get_or_try_init(|| self.unwrap(kind, wrapped))).await;
        match key.map_err(|_| KmsFault::Late)? {
            Ok(key) => Ok(Arc::clone(key)),
            Err(fault) if fault.is_foreign_key() => Err(Fault::ForeignKey(fault).into()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Whether the key that a sealed secret of this kind names is at hand.
    pub(crate) fn has(&self, kind: SecretKind, wrapped: &WrappedKey, now: Timestamp) -> bool {
        let keys = lock(&self.opening);
        keys.get(&(kind, wrapped.clone())).is_some_and(|key| is_fresh(key.since, now) && key.cell.initialized())
    }

    /// Counts one use of the kind's key, or starts a new one where the old is used up.
    fn sealing_cell(&self, kind: SecretKind, now: Timestamp) -> Cell {
        let mut keys = lock(&self.sealing);
        let key = keys.entry(kind).or_insert_with(|| SealingKey::new(now));
        if key.seals >= MAX_SEALS || !is_fresh(key.since, now) {
            *key = SealingKey::new(now);
        }
        key.seals += 1;
        Arc::clone(&key.cell)
    }

    fn opening_cell(&self, kind: SecretKind, wrapped: &WrappedKey, now: Timestamp) -> Cell {
        self.opening_slot(kind, wrapped, Cell::default(), now)
    }

    /// The cell kept for a wrapped key; `fresh` is kept if there is none, and the oldest makes room for it.
    fn opening_slot(&self, kind: SecretKind, wrapped: &WrappedKey, fresh: Cell, now: Timestamp) -> Cell {
        let mut keys = lock(&self.opening);
        keys.retain(|_, key| is_fresh(key.since, now));
        let name = (kind, wrapped.clone());
        if keys.len() >= MAX_OPENING_KEYS && !keys.contains_key(&name) {
            let oldest = keys.iter().min_by_key(|(_, key)| key.since).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| keys.remove(&oldest));
        }
        Arc::clone(&keys.entry(name).or_insert(OpeningKey { cell: fresh, since: now }).cell)
    }

    /// Asks KMS for a new data key and keeps it for opening too.
    async fn generate(&self, kind: SecretKind, now: Timestamp) -> Result<Arc<DataKey>, KmsFault> {
        let request = self.kms.generate_data_key().key_id(&self.key_id).key_spec(DataKeySpec::Aes256);
        let answer = request.encryption_context(CONTEXT_KIND, kind.as_str()).send().await.map_err(KmsFault::of)?;
        let plaintext = wiped(answer.plaintext);
        let (Some(ciphertext), Some(key_id)) = (answer.ciphertext_blob, answer.key_id) else {
            return Err(KmsFault::Unreadable);
        };
        let wrapped = WrappedKey { ciphertext: ciphertext.into_inner(), key_id };
        if wrapped.ciphertext.len() > MAX_PART || wrapped.key_id.len() > MAX_PART {
            return Err(KmsFault::Unreadable);
        }
        let key = Arc::new(DataKey::new(plaintext, wrapped)?);
        let cell = Arc::new(OnceCell::new_with(Some(Arc::clone(&key))));
        self.opening_slot(kind, key.wrapped(), cell, now);
        Ok(key)
    }

    /// Has KMS unwrap a data key.
    async fn unwrap(&self, kind: SecretKind, wrapped: &WrappedKey) -> Result<Arc<DataKey>, KmsFault> {
        let request = self.kms.decrypt().key_id(&wrapped.key_id).ciphertext_blob(Blob::new(wrapped.ciphertext.as_slice()));
        let answer = request.encryption_context(CONTEXT_KIND, kind.as_str()).send().await.map_err(KmsFault::of)?;
        DataKey::new(wiped(answer.plaintext), wrapped.clone()).map(Arc::new)
    }
}

impl SealingKey {
    fn new(now: Timestamp) -> Self {
        Self { cell: Cell::default(), since: now, seals: 0 }
    }
}

/// The plaintext of a data key, wiped wherever it goes.
fn wiped(plaintext: Option<Blob>) -> Option<Zeroizing<Vec<u8>>> {
    plaintext.map(|plaintext| Zeroizing::new(plaintext.into_inner()))
}

/// Whether a key of then may be used now. Tasks that run at once may tell times a little out of order.
fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    now.millis_since(since).abs() < MAX_AGE_MS
}

/// No task panics while it holds one of these locks; if one did, the maps would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
