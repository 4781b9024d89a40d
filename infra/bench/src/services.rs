//! Services beside the table that functions ask: KMS, which gives everybody the same data key.

use anyhow::Result;
use axum::{Json, Router, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The same as in the vault of the testkit, so that what one seals the other opens.
const DATA_KEY: [u8; 32] = [7; 32];
const WRAPPED_KEY: [u8; 184] = [9; 184];
const KEY_ID: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

/// Starts the services; gives where they listen.
pub(crate) async fn start() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    Ok(url)
}

async fn answer(headers: HeaderMap) -> Json<Value> {
    let asks_for_new = headers.get("x-amz-target").is_some_and(|target| target == "TrentService.GenerateDataKey");
    let mut answer = json!({"Plaintext": STANDARD.encode(DATA_KEY), "KeyId": KEY_ID});
    if asks_for_new {
        answer["CiphertextBlob"] = STANDARD.encode(WRAPPED_KEY).into();
    }
    Json(answer)
}
