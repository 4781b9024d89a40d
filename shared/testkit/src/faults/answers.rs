//! The answers of a DynamoDB that is asked too much, word for word as its protocol has them.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

const WRITES: [&str; 3] = ["DynamoDB_20120810.PutItem", "DynamoDB_20120810.UpdateItem", "DynamoDB_20120810.DeleteItem"];
const TRANSACTION: &str = "DynamoDB_20120810.TransactWriteItems";

/// Whether an operation can meet a transaction that holds its items.
pub(super) fn may_conflict(operation: &str) -> bool {
    operation == TRANSACTION || WRITES.contains(&operation)
}

/// Too many requests. A transaction may be told so by the reason of its cancellation.
pub(super) fn throttled(operation: &str, body: &[u8]) -> Response {
    // By the body's length, so that each of the ways of saying it is met.
    match body.len() % 3 {
        0 if operation == TRANSACTION => {
            cancelled(body, "ThrottlingError", "Throughput exceeds the current capacity for one or more global secondary indexes.")
        }
        0 => refused("com.amazon.coral.availability#ThrottlingException", "Rate exceeded"),
        1 => refused(
            "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded",
            "Throughput exceeds the current throughput limit for your account.",
        ),
        _ => refused(
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
    }
}

/// A transaction holds an item.
pub(super) fn conflict(operation: &str, body: &[u8]) -> Response {
    let message = "Transaction is ongoing for the item";
    if operation == TRANSACTION {
        return cancelled(body, "TransactionConflict", message);
    }
    refused("com.amazonaws.dynamodb.v20120810#TransactionConflictException", message)
}

/// A transaction that was cancelled for its last write.
fn cancelled(body: &[u8], code: &str, message: &str) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let writes = request["TransactItems"].as_array().unwrap().len();
    let mut reasons = vec![json!({"Code": "None"}); writes - 1];
    reasons.push(json!({"Code": code, "Message": message}));
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    answer(json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": message,
        "CancellationReasons": reasons,
    }))
}

fn refused(kind: &str, message: &str) -> Response {
    answer(json!({"__type": kind, "message": message}))
}

fn answer(body: Value) -> Response {
    (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/x-amz-json-1.0")], Body::from(body.to_string())).into_response()
}
