//! Logs: one JSON object a line on standard output, where Lambda takes them from.

use tracing_subscriber::EnvFilter;

use crate::env;

/// Crates that would log whole requests, keys and bodies included, at finer levels.
const QUIET: [&str; 5] = ["lambda_runtime=info", "lambda_http=info", "hyper=info", "h2=info", "aws_smithy_runtime=info"];

/// Starts logging. `LOG_LEVEL` (`error` to `trace`, or filters such as `info,store=debug`) decides how much.
///
/// Does nothing if logging was started before.
pub fn init() {
    let level = env::optional("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
    let _ = tracing::subscriber::set_global_default(subscriber(&level, std::io::stdout));
}

/// What turns events into lines, as much as the level says (see [`init`]), and writes each to a writer that `to` makes.
pub fn subscriber<W: std::io::Write>(level: &str, to: impl Fn() -> W + Send + Sync + 'static) -> impl tracing::Subscriber + Send + Sync {
    let mut filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    for directive in QUIET.iter().filter_map(|directive| directive.parse().ok()) {
        filter = filter.add_directive(directive);
    }
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        // CloudWatch has its own time of each line.
        .without_time()
        .with_env_filter(filter)
        .with_writer(to)
        .finish()
}
