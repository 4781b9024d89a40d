//! The template and the code agree.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;
use store::SECONDARY_INDEXES;

/// The template, with CloudFormation's short tags (`!Ref`, `!Sub`) as plain values.
fn template() -> Value {
    let text = include_str!("../../infra/template.yaml");
    serde_yaml_ng::from_str(text).unwrap()
}

fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        other => other,
    }
}

fn resources(kind: &str) -> Vec<(String, Value)> {
    let template = template();
    let all = template["Resources"].as_mapping().unwrap();
    let of_kind = all.iter().filter(|(_, resource)| resource["Type"].as_str() == Some(kind));
    of_kind.map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource["Properties"].clone())).collect()
}

#[test]
fn the_table_has_the_indexes_that_the_store_uses_and_no_other() {
    let tables = resources("AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 1, "one table");
    let indexes = tables[0].1["GlobalSecondaryIndexes"].as_sequence().unwrap();
    let declared: BTreeSet<(String, String, String)> = indexes
        .iter()
        .map(|index| {
            assert_eq!(index["Projection"]["ProjectionType"].as_str(), Some("KEYS_ONLY"));
            let key = |at: usize| index["KeySchema"][at]["AttributeName"].as_str().unwrap().to_owned();
            (index["IndexName"].as_str().unwrap().to_owned(), key(0), key(1))
        })
        .collect();
    let used = SECONDARY_INDEXES.map(|(name, pk, sk)| (name.to_owned(), pk.to_owned(), sk.to_owned()));
    assert_eq!(declared, used.into());
}

#[test]
fn every_function_has_a_role_of_its_own_and_no_role_a_wildcard() {
    let functions = resources("AWS::Serverless::Function");
    assert_eq!(functions.len(), 7);
    let roles: BTreeSet<String> = functions.iter().map(|(_, function)| format!("{:?}", untagged(&function["Role"]))).collect();
    assert_eq!(roles.len(), functions.len());
    let declared = resources("AWS::IAM::Role");
    assert_eq!(declared.len(), roles.len());
    for (name, role) in declared {
        for policy in role["Policies"].as_sequence().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_sequence().unwrap() {
                for field in ["Action", "Resource"] {
                    let text = format!("{:?}", statement[field]);
                    assert!(text.len() > 4 && !text.contains('*'), "{name}: {field} {text}");
                }
            }
        }
    }
}

#[test]
fn every_queue_consumer_reports_partial_batches_and_has_time_for_six_tries_in_one_visibility() {
    let queues = resources("AWS::SQS::Queue");
    let functions = resources("AWS::Serverless::Function");
    let mut consumers = 0;
    for (name, function) in &functions {
        let Some(events) = function["Events"].as_mapping() else { continue };
        for event in events.values().filter(|event| event["Type"].as_str() == Some("SQS")) {
            consumers += 1;
            let properties = &event["Properties"];
            let answers: Vec<_> = properties["FunctionResponseTypes"].as_sequence().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(answers, ["ReportBatchItemFailures"], "{name}");
            let source = format!("{:?}", untagged(&properties["Queue"]));
            let (_, queue) = queues
                .iter()
                .find(|(queue, _)| source.contains(&format!("{queue}.Arn")) || source.contains(&format!("\"{queue}\"")))
                .unwrap();
            let (visibility, time_out) = (queue["VisibilityTimeout"].as_u64().unwrap(), function["Timeout"].as_u64().unwrap());
            assert!(visibility >= 6 * time_out, "{name}: {visibility} s for {time_out} s");
            assert!(!queue["RedrivePolicy"].is_null(), "{name}: no dead-letter queue");
        }
    }
    assert_eq!(consumers, 2);
}

#[test]
fn every_setting_that_a_function_reads_is_set_and_the_reverse() {
    let template = template();
    let variables = |value: &Value| -> BTreeSet<String> {
        value["Environment"]["Variables"]
            .as_mapping()
            .map(|map| map.keys().map(|key| key.as_str().unwrap().to_owned()).collect())
            .unwrap_or_default()
    };
    let globals = variables(&template["Globals"]["Function"]);
    for (name, function) in resources("AWS::Serverless::Function") {
        let folder = function["CodeUri"].as_str().unwrap().trim_start_matches("../functions/").trim_end_matches('/').to_owned();
        let source = std::fs::read_to_string(format!("{}/../functions/{folder}/src/lib.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let read: BTreeSet<String> =
            source.split("env::").skip(1).filter_map(|rest| Some(rest.split_once("(\"")?.1.split_once('"')?.0.to_owned())).collect();
        let mut set = variables(&function);
        set.extend(globals.iter().cloned());
        // Telemetry reads it for every function.
        assert!(set.remove("LOG_LEVEL"), "{name}");
        assert_eq!(set, read, "{name}");
    }
}
