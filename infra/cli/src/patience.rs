//! Patience with a table that is throttled: the command has more time than a function.

use std::time::Duration;

use store::StoreError;

/// How often something is tried, and how long before the second try; each further pause is twice as long.
const TRIES: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Does something again while the table says «later»; half a minute at most.
///
/// # Errors
/// What came of the last try, or any other error at once.
pub async fn patiently<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for tries in 1..TRIES {
        match work().await {
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await,
            done => return done,
        }
    }
    work().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_and_anything_else_is_not() {
        let tried = AtomicU32::new(0);
        let throttled = || async {
            match tried.fetch_add(1, Ordering::Relaxed) {
                2 => Ok(()),
                _ => Err(StoreError::Unavailable("throttled".to_owned())),
            }
        };
        assert!(patiently(throttled).await.is_ok());
        assert_eq!(tried.load(Ordering::Relaxed), 3);
        let refused = || async {
            tried.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(StoreError::Refused("no such table".to_owned()))
        };
        assert!(patiently(refused).await.is_err());
        assert_eq!(tried.load(Ordering::Relaxed), 4);
    }
}
