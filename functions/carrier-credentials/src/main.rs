//! Starts the function: logs, configuration, router, runtime.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let state = carrier_credentials::State::from_env()?;
    lambda_http::run(carrier_credentials::app(state)).await
}
