//! Randomness for ids, keys and secrets, from AWS-LC's generator.

use aws_lc_rs::rand;

/// So many random bytes, fit for secrets.
///
/// # Panics
/// If the operating system has no randomness to give: nothing that must be secret or unique can be made then.
#[must_use]
#[expect(clippy::expect_used, reason = "there is no sensible way on without randomness")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
