//! Starts the function: logs, configuration, runtime.

use lambda_runtime::{Error, LambdaEvent, service_fn};

/// Requests to AWS are made of small allocations (infra/adr/0039).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let function = due_deliveries::DueDeliveries::from_env().await?;
    let handle = async |_: LambdaEvent<serde_json::Value>| Ok::<_, Error>(function.run().await?);
    lambda_runtime::run(service_fn(handle)).await
}
