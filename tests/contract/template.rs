//! The template and the code agree.

use std::collections::BTreeSet;

use domain::secret::SecretKind;
use queue::WorkQueue;
use serde_yaml_ng::Value;
use store::SECONDARY_INDEXES;

/// The template, with CloudFormation's short tags (`!Ref`, `!Sub`) as plain values.
pub(crate) fn template() -> Value {
    let text = include_str!("../../infra/template.yaml");
    serde_yaml_ng::from_str(text).unwrap()
}

pub(crate) fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        other => other,
    }
}

pub(crate) fn resources(kind: &str) -> Vec<(String, Value)> {
    let template = template();
    let all = template["Resources"].as_mapping().unwrap();
    let of_kind = all.iter().filter(|(_, resource)| resource["Type"].as_str() == Some(kind));
    of_kind.map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource["Properties"].clone())).collect()
}

/// The folders of the functions that answer HTTP.
pub(crate) fn http_functions() -> BTreeSet<String> {
    let answers = |function: &Value| {
        let events = function["Events"].as_mapping();
        events.is_some_and(|events| events.values().any(|event| event["Type"].as_str() == Some("HttpApi")))
    };
    let functions = resources("AWS::Serverless::Function");
    functions.iter().filter(|(_, function)| answers(function)).map(|(_, function)| folder(function)).collect()
}

/// The folder of a function's code.
pub(crate) fn folder(function: &Value) -> String {
    function["CodeUri"].as_str().unwrap().trim_start_matches("../functions/").trim_end_matches('/').to_owned()
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
    assert_eq!(functions.len(), 12);
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

/// Which kinds of secrets each role seals and which it opens. Only what must be shown or used is ever opened.
///
/// Whoever makes cursors needs their key, which is of the kind `configuration`.
const SECRETS: [(&str, &[&str], &[&str]); 8] = [
    ("ApiKeysRole", &["configuration"], &["configuration"]),
    ("CallsRole", &["configuration"], &["configuration"]),
    ("PhoneNumbersRole", &["configuration", "sip-password"], &["configuration", "sip-password"]),
    (
        "EndpointsRole",
        &["configuration", "endpoint-password", "idempotent-answer", "webhook-secret"],
        &["configuration", "idempotent-answer", "webhook-secret"],
    ),
    ("WebhooksRole", &["configuration", "idempotent-answer", "webhook-secret"], &["configuration", "idempotent-answer", "webhook-secret"]),
    // A replayed answer is opened; a carrier's token is not.
    ("CarrierCredentialsRole", &["carrier-token", "configuration", "idempotent-answer"], &["configuration", "idempotent-answer"]),
    ("WebhookDeliveryRole", &[], &["webhook-secret"]),
    // What carriers sign with is opened here alone, and so is what addresses are called with.
    (
        "CarrierCallbacksRole",
        &["idempotent-answer"],
        &["carrier-token", "configuration", "endpoint-password", "idempotent-answer", "webhook-secret"],
    ),
];

/// One text or a list of them.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match untagged(value) {
        Value::Sequence(items) => items.iter().filter_map(|item| untagged(item).as_str()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The kinds of secrets for which a role may ask KMS this, sorted.
fn kinds(role: &Value, action: &str) -> Vec<String> {
    let mut kinds = Vec::new();
    for policy in role["Policies"].as_sequence().unwrap() {
        for statement in policy["PolicyDocument"]["Statement"].as_sequence().unwrap() {
            if texts(&statement["Action"]).contains(&action) {
                assert_eq!(texts(&statement["Resource"]), ["VaultKey.Arn"], "the vault's key and no other");
                let named = texts(&statement["Condition"]["StringEquals"]["kms:EncryptionContext:kind"]);
                assert!(!named.is_empty(), "{action} without a condition on the kind");
                kinds.extend(named.into_iter().map(str::to_owned));
            }
        }
    }
    kinds.sort();
    kinds
}

#[test]
fn every_role_seals_and_opens_the_kinds_of_secrets_that_it_must_and_no_other() {
    let known: BTreeSet<&str> = SecretKind::ALL.iter().map(|kind| kind.as_str()).collect();
    for (name, role) in resources("AWS::IAM::Role") {
        let expected = SECRETS.iter().find(|(role, ..)| *role == name).map_or((&[][..], &[][..]), |(_, seals, opens)| (*seals, *opens));
        let (seals, opens) = (kinds(&role, "kms:GenerateDataKey"), kinds(&role, "kms:Decrypt"));
        assert_eq!((seals.as_slice(), opens.as_slice()), (owned(expected.0).as_slice(), owned(expected.1).as_slice()), "{name}");
        assert!(seals.iter().chain(&opens).all(|kind| known.contains(kind.as_str())), "{name}");
        for action in ["kms:Encrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:*"] {
            assert!(kinds(&role, action).is_empty(), "{name}: {action}");
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_all_roles_share_reaches_the_key_of_table_and_queues_and_traces_alone() {
    let shared = resources("AWS::IAM::ManagedPolicy");
    assert_eq!(shared.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["DataKeyUse", "TraceUse"]);
    let traces = &shared[1].1["PolicyDocument"]["Statement"][0];
    assert_eq!(texts(&traces["Action"]), ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]);
    for statement in shared[0].1["PolicyDocument"]["Statement"].as_sequence().unwrap() {
        assert_eq!(texts(&statement["Resource"]), ["DataKey.Arn"]);
        assert!(texts(&statement["Action"]).iter().all(|action| action.starts_with("kms:") && !action.contains('*')));
    }
    for (name, role) in resources("AWS::IAM::Role") {
        // What works on nothing needs no key.
        let wanted = if name == "DocsRole" { &["TraceUse"][..] } else { &["DataKeyUse", "TraceUse"] };
        assert_eq!(texts(&role["ManagedPolicyArns"]), wanted, "{name}");
    }
}

#[test]
fn the_vaults_key_serves_every_kind_of_secret_and_nothing_else() {
    let keys = resources("AWS::KMS::Key");
    assert_eq!(keys.len(), 2, "one for secrets, one for table and queues");
    let (_, vault) = keys.iter().find(|(name, _)| name == "VaultKey").unwrap();
    let statements = vault["KeyPolicy"]["Statement"].as_sequence().unwrap();
    let using: Vec<_> = statements.iter().filter(|statement| texts(&statement["Action"]).contains(&"kms:Decrypt")).collect();
    assert_eq!(using.len(), 1);
    let served: BTreeSet<&str> = texts(&using[0]["Condition"]["StringEquals"]["kms:EncryptionContext:kind"]).into_iter().collect();
    assert_eq!(served, SecretKind::ALL.iter().map(|kind| kind.as_str()).collect());
    let (_, table) = &resources("AWS::DynamoDB::Table")[0];
    assert_eq!(texts(&table["SSESpecification"]["KMSMasterKeyId"]), ["DataKey.Arn"]);
    for (name, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(texts(&queue["KmsMasterKeyId"]), ["DataKey.Arn"], "{name}");
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
fn every_queue_has_its_dead_letters_beside_it_under_the_name_that_the_operators_command_knows() {
    let queues = resources("AWS::SQS::Queue");
    let called = |name: &str| {
        let found = queues.iter().find(|(_, queue)| untagged(&queue["QueueName"]).as_str() == Some(name));
        found.unwrap_or_else(|| panic!("no queue is called {name}"))
    };
    assert_eq!(queues.len(), 2 * WorkQueue::ALL.len());
    for queue in WorkQueue::ALL {
        let (_, properties) = called(&queue.name("${AWS::StackName}"));
        let (dead_letters, _) = called(&queue.dead_letters_name("${AWS::StackName}"));
        assert_eq!(texts(&properties["RedrivePolicy"]["deadLetterTargetArn"]), [format!("{dead_letters}.Arn")]);
    }
}

#[test]
fn one_dead_letter_in_any_queue_for_them_raises_an_alarm_that_an_operator_is_told_of() {
    let queues = resources("AWS::SQS::Queue");
    let targets: BTreeSet<&str> = queues.iter().flat_map(|(_, queue)| texts(&queue["RedrivePolicy"]["deadLetterTargetArn"])).collect();
    let mut watched = BTreeSet::new();
    let visible = |alarm: &Value| alarm["MetricName"].as_str() == Some("ApproximateNumberOfMessagesVisible");
    for (name, alarm) in resources("AWS::CloudWatch::Alarm").into_iter().filter(|(_, alarm)| visible(alarm)) {
        let text = |field: &str| alarm[field].as_str().unwrap().to_owned();
        let dimensions = alarm["Dimensions"].as_sequence().unwrap();
        assert_eq!((dimensions.len(), dimensions[0]["Name"].as_str()), (1, Some("QueueName")), "{name}");
        let queue = texts(&dimensions[0]["Value"])[0].replace(".QueueName", ".Arn");
        assert_eq!((text("Namespace"), text("MetricName")), ("AWS/SQS".into(), "ApproximateNumberOfMessagesVisible".into()), "{name}");
        // The greatest number within a minute is one or more; a queue that nobody uses reports nothing.
        assert_eq!((text("Statistic"), text("ComparisonOperator")), ("Maximum".into(), "GreaterThanOrEqualToThreshold".into()), "{name}");
        let number = |field: &str| alarm[field].as_u64();
        let numbers = (number("Threshold"), number("Period"), number("EvaluationPeriods"));
        assert_eq!(numbers, (Some(1), Some(60), Some(1)), "{name}");
        assert_eq!(text("TreatMissingData"), "notBreaching", "{name}");
        assert!(format!("{:?}", alarm["AlarmActions"]).contains("AlarmTopicArn"), "{name}: nobody is told");
        watched.insert(queue);
    }
    assert_eq!(watched.iter().map(String::as_str).collect::<BTreeSet<_>>(), targets);
}

#[test]
fn a_stolen_nonce_raises_an_alarm_by_what_the_function_counts() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let (_, alarm) = alarms.iter().find(|(_, alarm)| alarm["MetricName"].as_str() == Some("NonceReplays")).unwrap();
    let dimensions = alarm["Dimensions"].as_sequence().unwrap();
    assert_eq!((dimensions.len(), dimensions[0]["Name"].as_str()), (1, Some("FunctionName")));
    assert_eq!(texts(&dimensions[0]["Value"]), ["CarrierCallbacksFunction"]);
    let text = |field: &str| alarm[field].as_str().unwrap();
    assert_eq!((text("Namespace"), text("Statistic"), text("TreatMissingData")), ("Trunkline", "Sum", "notBreaching"));
    assert_eq!((alarm["Threshold"].as_u64(), alarm["EvaluationPeriods"].as_u64()), (Some(1), Some(1)));
    assert!(format!("{:?}", alarm["AlarmActions"]).contains("AlarmTopicArn"), "nobody is told");
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
        let folder = folder(&function);
        let source = std::fs::read_to_string(format!("{}/../functions/{folder}/src/lib.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut read: BTreeSet<String> =
            source.split("env::").skip(1).filter_map(|rest| Some(rest.split_once("(\"")?.1.split_once('"')?.0.to_owned())).collect();
        if source.contains("Settings::from_env") {
            read.extend(["RATE_LIMIT", "CALLER_RATE_LIMIT", "AUDIT_DAYS", "JWT_ISSUERS", "CORS_ORIGINS"].map(str::to_owned));
        }
        let mut set = variables(&function);
        set.extend(globals.iter().cloned());
        // One works on no table, and is told of it as all are.
        read.extend((folder == "docs").then(|| "TABLE_NAME".to_owned()));
        // Telemetry reads the one and every client the other.
        assert!(set.remove("LOG_LEVEL") && set.remove("AWS_ENDPOINT_URL"), "{name}");
        assert_eq!(set, read, "{name}");
    }
}
