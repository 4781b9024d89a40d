//! Starts the function: logs, configuration, runtime.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::clock::time_left;

/// Requests to AWS are made of small allocations (infra/adr/0039).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let function = webhook_delivery::WebhookDelivery::from_env().await?;
    let handle =
        async |event: LambdaEvent<_>| Ok::<_, Error>(function.handle_within(event.payload, time_left(event.context.deadline)).await);
    lambda_runtime::run(service_fn(handle)).await
}
