//! What an earlier release wrote is read as it was. `earlier_forms/v1.json` is the whole table of an organization that has
//! something of everything, in items of version 1, and what an export showed of it then.
//!
//! It stays as it is for ever. A release that gives a kind of item another shape gets a file of its own beside it:
//! `TRUNKLINE_WRITE_FORMS=v2 cargo nextest run -p tests what_is_written_today` writes it.

use std::path::PathBuf;

use domain::{OrgId, Timestamp};
use serde_json::{Value, json};
use testkit::{LocalTable, local_table};
use trunkline::export::Export;

use crate::whole_organization::World;

/// The releases whose tables are kept.
const RELEASES: [&str; 1] = ["v1"];

/// The most items of one request to write.
const BATCH: usize = 25;

fn file(release: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contract/earlier_forms").join(release).with_extension("json")
}

/// Speaks to the table as no code of the product does, so that items stay as they are.
async fn raw(local: &LocalTable, operation: &str, request: Value) -> Value {
    let request = reqwest::Client::new()
        .post(&local.endpoint_url)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(request.to_string());
    let answer: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    assert!(answer.get("__type").is_none(), "{answer}");
    answer
}

async fn exported(local: &LocalTable, org: OrgId, now: Timestamp) -> Vec<Value> {
    let mut out = Vec::new();
    Export { table: local.table.clone(), org, now }.run(&mut out, &mut |_| ()).await.unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_written_today_is_read_today_and_can_be_kept_for_those_who_come() {
    let world = World::start().await;
    let filled = world.fill().await;
    let lines = exported(&world.local, filled.org, world.now()).await;
    let items = raw(&world.local, "Scan", json!({ "TableName": local_table::NAME })).await;
    assert!(items.get("LastEvaluatedKey").is_none(), "more than one page");
    for item in items["Items"].as_array().unwrap() {
        assert!(item["kind"]["S"].is_string() && item["v"]["N"].is_string(), "{item}");
    }
    let kept = json!({ "organization": filled.org, "now": world.now(), "items": items["Items"], "export": lines });
    if let Some(release) = runtime::env::optional("TRUNKLINE_WRITE_FORMS") {
        std::fs::write(file(&release), serde_json::to_string(&kept).unwrap()).unwrap();
    }
    assert_eq!(reread(&kept).await, lines);
}

#[tokio::test]
async fn a_table_of_an_earlier_release_shows_what_it_showed_then() {
    for release in RELEASES {
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(file(release)).unwrap()).unwrap();
        for (is, was) in reread(&kept).await.iter().zip(kept["export"].as_array().unwrap()) {
            assert!(has(is, was), "{release}: {is:#} was {was:#}");
        }
    }
}

/// The same items in a fresh table, read: what an export shows of the kinds that it showed then.
async fn reread(kept: &Value) -> Vec<Value> {
    let local = LocalTable::start().await;
    for items in kept["items"].as_array().unwrap().chunks(BATCH) {
        let puts: Vec<Value> = items.iter().map(|item| json!({ "PutRequest": { "Item": item } })).collect();
        let answer = raw(&local, "BatchWriteItem", json!({ "RequestItems": { local_table::NAME: puts } })).await;
        assert_eq!(answer["UnprocessedItems"].as_object().map_or(0, serde_json::Map::len), 0);
    }
    let mut lines =
        exported(&local, kept["organization"].as_str().unwrap().parse().unwrap(), kept["now"].as_str().unwrap().parse().unwrap()).await;
    let shown = kept["export"].as_array().unwrap();
    lines.retain(|line| shown.iter().any(|was| was["kind"] == line["kind"]));
    assert_eq!(lines.len(), shown.len());
    lines
}

/// Whether it shows all that it showed; a release may show more.
fn has(is: &Value, was: &Value) -> bool {
    match (is, was) {
        (Value::Object(is), Value::Object(was)) => was.iter().all(|(name, was)| is.get(name).is_some_and(|is| has(is, was))),
        (Value::Array(is), Value::Array(was)) => is.len() == was.len() && is.iter().zip(was).all(|(is, was)| has(is, was)),
        _ => is == was,
    }
}
