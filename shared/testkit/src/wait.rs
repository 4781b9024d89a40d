//! Waiting for something to become true: never a fixed sleep, always an end.

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none within the time: the message says what was waited for.
pub async fn until<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
