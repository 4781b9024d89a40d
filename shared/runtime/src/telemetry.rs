//! Logs: one JSON object a line on standard output, where Lambda takes them from.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, filter::Targets, layer::SubscriberExt as _};

use crate::env;

/// Crates that would log whole requests, keys and bodies included, at finer levels.
const QUIET: [&str; 5] = ["lambda_runtime", "lambda_http", "hyper", "h2", "aws_smithy_runtime"];

/// Starts logging. `LOG_LEVEL` (`error` to `trace`, or filters such as `info,store=debug`) decides how much.
///
/// Does nothing if logging was started before.
pub fn init() {
    let level = env::optional("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
    let _ = tracing::subscriber::set_global_default(subscriber(&level, std::io::stdout));
}

/// What turns events into lines, as much as the level says (see [`init`]), and writes each to a writer that `to` makes.
pub fn subscriber<W: std::io::Write + 'static>(
    level: &str,
    to: impl Fn() -> W + Send + Sync + 'static,
) -> impl tracing::Subscriber + Send + Sync {
    let level = level.parse::<Targets>().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let filter = level.with_targets(QUIET.map(|target| (target, LevelFilter::INFO)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        // CloudWatch has its own time of each line.
        .without_time()
        .with_writer(to);
    Registry::default().with(lines).with(filter)
}
