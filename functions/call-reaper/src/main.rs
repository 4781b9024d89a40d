//! Starts the function: logs, configuration, runtime.

use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init();
    let function = call_reaper::CallReaper::from_env()?;
    let handle = async |_: LambdaEvent<serde_json::Value>| Ok::<_, Error>(function.run().await?);
    lambda_runtime::run(service_fn(handle)).await
}
