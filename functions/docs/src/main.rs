//! Starts the function: logs, router, runtime.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::init();
    lambda_http::run(docs::from_env()?).await
}
