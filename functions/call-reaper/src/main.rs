//! Starts the function: logs, configuration, runtime.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::clock::time_left;

/// Requests to AWS are made of small allocations (infra/adr/0039).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let function = call_reaper::CallReaper::from_env().await?;
    let handle = async |event: LambdaEvent<serde_json::Value>| {
        // What was told or deleted until then is, and what was seen is remembered: the next run goes on from there.
        let both = async {
            // Boxed: together they are deeper than the compiler looks.
            let (ended, swept) = (Box::pin(function.run()).await, Box::pin(function.sweep()).await);
            Ok::<_, Error>((ended?, swept?))
        };
        let run = tokio::time::timeout(time_left(event.context.deadline), both).await;
        Ok::<_, Error>(run.unwrap_or(Ok((0, 0)))?.0)
    };
    lambda_runtime::run(service_fn(handle)).await
}
