//! Every secret sealed anew under another KMS key: what has to be done before a replaced key may go.
//!
//! A secret is opened and sealed in memory and never printed. Each value is replaced alone, and only if it is still the
//! one that was opened. The walk is noted as it goes, so that whoever is interrupted goes on where it stopped.

use anyhow::bail;
use runtime::Clock;
use store::{Replaced, Resealing, SealedValue, Table};
use vault::{Vault, VaultError};

/// How often a value is tried when others change it in between.
const TRIES: usize = 5;

/// What is needed to seal every secret anew.
#[derive(Debug)]
pub struct Rewrap {
    /// Where the secrets lie.
    pub table: Table,
    /// Seals under the new key, and opens what lies under any key that KMS still has.
    pub vault: Vault,
    /// The new key, as the operator names it: a walk that was begun for another key is not taken up.
    pub key_id: String,
    /// Tells the time.
    pub clock: Clock,
    /// How many items are looked at before the walk is noted.
    pub page_items: i32,
}

/// How many secrets came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sealed anew.
    pub resealed: u64,
    /// Sealed under the new key already.
    pub current: u64,
    /// Gone before they were replaced.
    pub gone: u64,
    /// Left as they are, because they do not open, or because KMS refuses the key they lie under.
    pub unreadable: u64,
}

impl Rewrap {
    /// Walks through the table from where an earlier walk stopped. `progress` is told how many items were looked at.
    ///
    /// # Errors
    /// If table or KMS do not answer: what was done stays done, and running it again goes on from the last note.
    pub async fn run(&self, mut progress: impl FnMut(u64)) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        let noted = self.table.resealing().await?.filter(|noted| noted.key_id == self.key_id);
        let mut after = noted.map(|noted| noted.after);
        loop {
            let page = self.table.sealed_values(after.as_ref(), self.page_items).await?;
            for value in page.values {
                self.one(value, &mut counts).await?;
            }
            progress(page.items);
            let Some(next) = page.next else { break };
            let note = Resealing { key_id: self.key_id.clone(), after: next.clone(), updated_at: self.clock.now() };
            self.table.note_resealing(&note).await?;
            after = Some(next);
        }
        self.table.end_resealing().await?;
        Ok(counts)
    }

    async fn one(&self, mut value: SealedValue, counts: &mut Counts) -> anyhow::Result<()> {
        for _ in 0..TRIES {
            let sealed = match self.vault.reseal(&value.place, &value.sealed, self.clock.now()).await {
                Ok(Some(sealed)) => sealed,
                Ok(None) => {
                    counts.current += 1;
                    return Ok(());
                }
                Err(VaultError::Corrupt(_) | VaultError::KeyRefused(_)) => {
                    counts.unreadable += 1;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            match self.table.replace_sealed(&value, &sealed).await? {
                Replaced::Done => {
                    counts.resealed += 1;
                    return Ok(());
                }
                Replaced::Changed(Some(there)) => value = there,
                Replaced::Changed(None) => {
                    counts.gone += 1;
                    return Ok(());
                }
            }
        }
        bail!("a secret keeps being changed by others")
    }
}
