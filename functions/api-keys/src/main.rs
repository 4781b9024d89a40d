//! Starts the function: logs, configuration, router, runtime.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    let state = api_keys::State::from_env()?;
    lambda_http::run(api_keys::app(state)).await
}
