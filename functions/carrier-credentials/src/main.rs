//! Starts the function: logs, configuration, router, runtime.

/// Requests to AWS are made of small allocations (infra/adr/0039).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let state = carrier_credentials::State::from_env().await?;
    lambda_http::run(carrier_credentials::app(state)).await
}
