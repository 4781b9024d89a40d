//! Starts the function: logs, configuration, router, runtime.

/// Requests to AWS are made of small allocations (infra/adr/0039).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let state = webhooks_api::State::from_env().await?;
    lambda_http::run(webhooks_api::app(state)).await
}
