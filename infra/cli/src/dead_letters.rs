//! Dead letters chosen, looked at, sent home or dropped.
//!
//! A letter that was not chosen stays as it is, and so does every letter that came after the command began.

use std::collections::BTreeSet;

use clap::Args;
use domain::{OrgId, Timestamp};
use queue::{
    DeadLetter, DeadLetterError, DeadLetters,
    dead_letters::{Refused, Walk},
};

/// Which letters are meant: those that are as every given condition says, and all of them without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Choice {
    /// Only the message with this id, as `list` prints it; once for each message.
    #[arg(long = "id", value_name = "ID")]
    pub ids: Vec<String>,
    /// Only messages whose reason contains this text; small and capital letters are the same.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only messages whose body names this organization.
    #[arg(long, visible_alias = "org")]
    pub organization: Option<OrgId>,
}

impl Choice {
    /// Whether this letter is meant.
    #[must_use]
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let reason = letter.cause.to_string().to_lowercase();
        (self.ids.is_empty() || self.ids.contains(&letter.message_id))
            && self.reason.as_ref().is_none_or(|wanted| reason.contains(&wanted.to_lowercase()))
            && (self.organization.is_none() || self.organization == letter.organization_id())
    }
}

/// What becomes of the chosen letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// They go to the queue they came from.
    SendHome,
    /// They are deleted for good.
    Drop,
    /// Nothing: they are counted.
    Count,
}

/// What became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The ids of all that were chosen.
    pub chosen: BTreeSet<String>,
    /// Those among them with which it did not work.
    pub refused: Vec<Refused>,
}

/// Shows each chosen letter to `see`, and `progress` how many were gone through. The queue stays as it is.
///
/// # Errors
/// If SQS fails.
pub async fn look(
    letters: &DeadLetters,
    choice: &Choice,
    now: Timestamp,
    mut see: impl FnMut(DeadLetter),
    mut progress: impl FnMut(u64),
) -> Result<(), DeadLetterError> {
    let each = async |_: &mut Walk<'_>, found: Vec<DeadLetter>| {
        progress(found.len() as u64);
        found.into_iter().filter(|letter| choice.takes(letter)).for_each(&mut see);
        Ok(())
    };
    letters.walk(now, each).await
}

/// Treats each chosen letter, and tells `progress` how many were gone through.
///
/// # Errors
/// If SQS fails: what was done stays done, and doing it again treats the rest.
pub async fn treat(
    letters: &DeadLetters,
    choice: &Choice,
    treatment: Treatment,
    now: Timestamp,
    mut progress: impl FnMut(u64),
) -> Result<Tally, DeadLetterError> {
    let mut tally = Tally::default();
    let each = async |walk: &mut Walk<'_>, found: Vec<DeadLetter>| {
        let seen = found.len() as u64;
        let chosen: Vec<DeadLetter> = found.into_iter().filter(|letter| choice.takes(letter)).collect();
        tally.refused.extend(match treatment {
            Treatment::SendHome => walk.send_home(&chosen).await?,
            Treatment::Drop => walk.delete(&chosen).await?,
            Treatment::Count => Vec::new(),
        });
        tally.chosen.extend(chosen.into_iter().map(|letter| letter.message_id));
        progress(seen);
        Ok(())
    };
    letters.walk(now, each).await?;
    Ok(tally)
}
