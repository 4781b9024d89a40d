//! What operators rely on: alarms that somebody hears and that code can raise, quotas that starve nobody, environments that
//! the template knows, log lines by which a request is followed to its webhook.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use aws_lambda_events::sqs::SqsEvent;
use due_deliveries::DueDeliveries;
use http::Method;
use queue::Sender;
use runtime::{Clock, Metrics, telemetry};
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;
use testkit::{Receiver, prices};
use webhooks::schedule::MAX_QUEUE_DELAY_SECONDS;

use crate::{
    delivery_world::World,
    log_canaries::Lines,
    template::{folder, resources, template, texts, untagged},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Metrics that AWS's services emit by themselves, and in which dimension.
const OF_AWS: [(&str, &str, &[&str]); 7] = [
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &["QueueName"]),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", &["QueueName"]),
    ("AWS/Lambda", "Errors", &["FunctionName"]),
    ("AWS/Lambda", "Duration", &["FunctionName"]),
    ("AWS/Lambda", "Throttles", &[]),
    ("AWS/ApiGateway", "5xx", &["ApiId"]),
    ("AWS/ApiGateway", "Latency", &["ApiId"]),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All of a function's code.
fn source(folder: &str) -> String {
    let files = fs::read_dir(Path::new(ROOT).join("functions").join(folder).join("src")).unwrap();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// The dimensions of an alarm, with what each refers to.
fn dimensions(alarm: &Value) -> Vec<(String, String)> {
    let all = alarm["Dimensions"].as_sequence().cloned().unwrap_or_default();
    all.iter().map(|dimension| (dimension["Name"].as_str().unwrap().to_owned(), texts(&dimension["Value"])[0].to_owned())).collect()
}

#[test]
fn every_alarm_is_heard_and_watches_what_a_service_or_the_code_emits() {
    let functions: BTreeMap<String, Value> = resources("AWS::Serverless::Function").into_iter().collect();
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        let text = |field: &str| alarm[field].as_str().unwrap_or_else(|| panic!("{name}: {field}")).to_owned();
        let told = format!("{:?}", alarm["AlarmActions"]);
        assert!(told.contains("AlarmTopicArn") && told.contains("\"AlarmTopic\""), "{name}: nobody is told");
        assert!(!text("AlarmDescription").is_empty() && !text("TreatMissingData").is_empty(), "{name}");
        if alarm["Metrics"].is_sequence() {
            continue; // the one below
        }
        let (namespace, metric, dimensions) = (text("Namespace"), text("MetricName"), dimensions(&alarm));
        if namespace == "Trunkline" {
            let [(dimension, function)] = dimensions.as_slice() else { panic!("{name}: {dimensions:?}") };
            assert_eq!(dimension, "FunctionName", "{name}");
            assert!(source(&folder(&functions[function])).contains(&format!("\"{metric}\"")), "{name}: {function} never tells {metric}");
        } else {
            let names: Vec<&str> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
            assert!(OF_AWS.contains(&(&namespace, &metric, &names)), "{name}: {namespace} {metric} {names:?}");
        }
    }
}

#[test]
fn requests_that_no_limit_counts_raise_an_alarm_whichever_function_lets_them_pass() {
    let alarms: BTreeMap<String, Value> = resources("AWS::CloudWatch::Alarm").into_iter().collect();
    let counted = alarms["RateLimitNotEnforcedAlarm"]["Metrics"].as_sequence().unwrap().iter().filter(|part| part["Expression"].is_null());
    let watched: BTreeSet<String> = counted
        .map(|part| {
            let metric = &part["MetricStat"]["Metric"];
            assert_eq!((metric["Namespace"].as_str(), metric["MetricName"].as_str()), (Some("Trunkline"), Some("RateLimitNotEnforced")));
            dimensions(metric).remove(0).1
        })
        .collect();
    let limiting =
        resources("AWS::Serverless::Function").into_iter().filter(|(_, function)| source(&folder(function)).contains("Settings::from_env"));
    assert_eq!(watched, limiting.map(|(name, _)| name).collect());
    assert!(read("shared/api/src/rate.rs").contains("\"RateLimitNotEnforced\""));
}

#[test]
fn every_queue_that_a_function_works_and_every_function_without_a_caller_has_its_alarms() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let watched = |metric: &str, on: &str| {
        let of = |alarm: &Value| alarm["MetricName"].as_str() == Some(metric) && dimensions(alarm).iter().any(|(_, named)| named == on);
        alarms.iter().any(|(_, alarm)| of(alarm))
    };
    for (name, queue) in resources("AWS::SQS::Queue") {
        if !queue["RedrivePolicy"].is_null() {
            assert!(watched("ApproximateAgeOfOldestMessage", &format!("{name}.QueueName")), "{name}");
        }
    }
    for (name, function) in resources("AWS::Serverless::Function") {
        let mut events = function["Events"].as_mapping().unwrap().values();
        assert!(events.all(|event| event["Type"].as_str() == Some("HttpApi")) || watched("Errors", &name), "{name}");
    }
}

#[test]
fn the_age_of_messages_raises_no_alarm_while_the_queue_itself_holds_them_back() {
    let alarms: BTreeMap<String, Value> = resources("AWS::CloudWatch::Alarm").into_iter().collect();
    let threshold = alarms["WebhookDeliveriesAgeAlarm"]["Threshold"].as_u64().unwrap();
    let queues: BTreeMap<String, Value> = resources("AWS::SQS::Queue").into_iter().collect();
    let visibility = queues["WebhookDeliveriesQueue"]["VisibilityTimeout"].as_u64().unwrap();
    assert!(threshold >= u64::from(MAX_QUEUE_DELAY_SECONDS) + 2 * visibility, "{threshold}");
}

#[test]
fn the_runbook_has_a_section_for_each_alarm_and_for_no_other() {
    let runbook = read("infra/docs/runbook.md");
    let told: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alarms = resources("AWS::CloudWatch::Alarm");
    assert_eq!(told, alarms.iter().map(|(name, _)| name.as_str()).collect());
    assert_eq!(u32::try_from(alarms.len()).unwrap(), prices::ALARMS, "the document of costs counts them");
}

#[test]
fn consumers_and_schedules_leave_a_new_account_room_for_those_who_wait_for_an_answer() {
    let template = template();
    let parameter = |name: &str| template["Parameters"][name]["Default"].as_u64().unwrap();
    let (mut taken, mut consumers) = (0, 0);
    for (name, function) in resources("AWS::Serverless::Function") {
        for event in function["Events"].as_mapping().unwrap().values() {
            match event["Type"].as_str().unwrap() {
                "SQS" => {
                    taken += parameter(texts(&event["Properties"]["ScalingConfig"]["MaximumConcurrency"])[0]);
                    consumers += 1;
                }
                "Schedule" => {
                    taken += 1;
                    assert!(function["Timeout"].as_u64().unwrap() < 60, "{name}: runs would overlap");
                    assert_eq!(function["EventInvokeConfig"]["MaximumRetryAttempts"].as_u64(), Some(0), "{name}");
                }
                "HttpApi" => assert!((8..30).contains(&function["Timeout"].as_u64().unwrap()), "{name}: the gateway gives up at 30 s"),
                other => panic!("{name}: {other}"),
            }
        }
    }
    assert_eq!(consumers, 2);
    // A new account has ten concurrent executions.
    assert!(taken <= 6, "{taken} of ten are taken");
}

#[test]
fn dead_letters_outlive_the_messages_of_their_queue() {
    let queues: BTreeMap<String, Value> = resources("AWS::SQS::Queue").into_iter().collect();
    for (name, queue) in &queues {
        if let [dead] = texts(&queue["RedrivePolicy"]["deadLetterTargetArn"]).as_slice() {
            let kept = |queue: &Value| queue["MessageRetentionPeriod"].as_u64().unwrap();
            assert!(kept(&queues[dead.trim_end_matches(".Arn")]) > kept(queue), "{name}");
        }
    }
}

#[test]
fn every_log_is_deleted_one_day_and_every_function_writes_json() {
    for (name, group) in resources("AWS::Logs::LogGroup") {
        assert_eq!(texts(&group["RetentionInDays"]), ["LogRetentionDays"], "{name}");
    }
    let template = template();
    assert_eq!(template["Globals"]["Function"]["LoggingConfig"]["LogFormat"].as_str(), Some("JSON"));
    for (name, function) in resources("AWS::Serverless::Function") {
        assert!(texts(&function["LoggingConfig"]["LogGroup"])[0].ends_with("Logs"), "{name}");
        assert!(function["LoggingConfig"]["LogFormat"].is_null(), "{name}");
    }
}

#[test]
fn the_dashboard_is_json_once_its_references_are_filled_in() {
    let dashboards = resources("AWS::CloudWatch::Dashboard");
    let body = untagged(&dashboards[0].1["DashboardBody"]).as_str().unwrap();
    let mut parts = body.split("${");
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        filled += &format!("x{}", part.split_once('}').unwrap().1);
    }
    let dashboard: Json = serde_json::from_str(&filled).unwrap();
    assert!(dashboard["widgets"].as_array().unwrap().len() >= 10);
}

#[test]
fn every_suppressed_check_says_why_beside_its_resource() {
    let template = read("infra/template.yaml");
    for line in template.lines().filter(|line| line.contains("checkov:skip=")) {
        let reason = line.split_once("checkov:skip=").unwrap().1.split_once(':').unwrap_or_else(|| panic!("{line}")).1;
        assert!(reason.split(' ').count() >= 3, "{line}");
    }
}

#[test]
fn every_parameter_is_used_and_explained_and_every_environment_sets_values_that_are_allowed() {
    let (text, guide, template) = (read("infra/template.yaml"), read("infra/docs/deploy.md"), template());
    let declared = template["Parameters"].as_mapping().unwrap();
    for name in declared.keys().map(|name| name.as_str().unwrap()) {
        assert!(text.contains(&format!("!Ref {name}")), "{name} is read by nothing");
        assert!(guide.contains(&format!("`{name}`")), "infra/docs/deploy.md says nothing of {name}");
    }
    let configuration = read("samconfig.toml");
    let overrides = configuration.lines().filter_map(|line| line.strip_prefix("parameter_overrides = [")).collect::<Vec<_>>();
    assert_eq!(overrides.len(), 4, "the default, dev, staging, prod");
    for pair in overrides.iter().flat_map(|line| line.trim_end_matches(']').split(", ")) {
        let (name, value) = pair.trim_matches('"').split_once('=').unwrap_or_else(|| panic!("{pair}"));
        let parameter = declared.get(name).unwrap_or_else(|| panic!("samconfig.toml sets {name}, which is no parameter"));
        let allowed: Vec<String> = parameter["AllowedValues"].as_sequence().into_iter().flatten().map(shown).collect();
        assert!(allowed.is_empty() || allowed.iter().any(|allowed| allowed == value), "{name}={value}: {allowed:?}");
        if parameter["Type"].as_str() == Some("Number") {
            let (number, limit) = (value.parse::<u64>().unwrap(), |name: &str| parameter[name].as_u64());
            let range = limit("MinValue").unwrap_or(0)..=limit("MaxValue").unwrap_or(u64::MAX);
            assert!(range.contains(&number), "{name}={value}: {range:?}");
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.as_u64().unwrap().to_string(), str::to_owned)
}

#[tokio::test]
async fn how_late_the_oldest_attempt_is_is_told_after_each_run_and_silence_means_that_a_run_failed() {
    let receiver = Receiver::start().await;
    let (world, kept) = (World::start().await, Arc::new(Mutex::new(Vec::new())));
    let telling = |queue: Sender| {
        DueDeliveries::new(world.local.table.clone(), queue, Clock::Manual(Arc::clone(&world.clock)))
            .telling(Metrics::Kept(Arc::clone(&kept)))
    };
    let due = telling(world.mailbox.sender());
    due.run().await.unwrap();
    assert_eq!(*kept.lock().unwrap(), ["OldestDueSeconds=0"], "nothing waits");
    receiver.answer(500);
    let subscription = world.subscribe(&receiver).await;
    let place = domain::delivery::DeliveryPlace {
        id: domain::webhook::delivery_id("evt_1", subscription.as_uuid()),
        receiver: domain::webhook::ReceiverId::Subscription(subscription),
        created_at: world.now(),
    };
    let attempt = store::DueAttempt::new(world.tenant(), place, 5, world.now().plus_millis(-400_000));
    world.local.table.put_due(&attempt).await.unwrap();
    assert!(telling(testkit::fixture::nowhere()).run().await.is_err());
    assert_eq!(kept.lock().unwrap().len(), 1, "a run that failed says nothing");
    due.run().await.unwrap();
    assert_eq!(kept.lock().unwrap()[1..], ["OldestDueSeconds=400"]);
    due.run().await.unwrap();
    assert_eq!(kept.lock().unwrap()[2..], ["OldestDueSeconds=0"], "it was queued");
}

/// The JSON lines that are told, by what each says.
fn lines(lines: &Lines, message: &str) -> Vec<Json> {
    let all = lines.text();
    let told = all.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    told.filter(|line| line["message"] == json!(message)).collect()
}

#[tokio::test]
async fn one_line_says_of_a_request_whose_it_was_what_came_of_it_and_what_it_cost() {
    let told = Lines::default();
    let to = told.clone();
    let _logging = tracing::subscriber::set_default(telemetry::subscriber("info", move || to.clone()));
    let world = World::start().await;
    world.ask(Method::GET, "/v1/webhooks", None).await.expect(200);
    let lines = lines(&told, "request");
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!((&line["method"], &line["route"], &line["status"]), (&json!("GET"), &json!("/v1/webhooks"), &json!(200)));
    assert_eq!(line["span"]["organization_id"], json!(world.tenant().org().to_string()));
    assert!(line["span"]["request_id"].is_string() && line["duration_ms"].is_u64(), "{line}");
    // The key is looked up and its use noted; then the subscriptions are read.
    assert!(line["read_units"].as_f64().unwrap() >= 1.0 && line["write_units"] == json!(1.0), "{line}");
}

#[tokio::test]
async fn a_request_is_followed_to_its_webhook_by_the_ids_of_messages() {
    let told = Lines::default();
    let to = told.clone();
    let _logging = tracing::subscriber::set_default(telemetry::subscriber("info", move || to.clone()));
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = world.subscribe(&receiver).await;
    world.ask(Method::POST, &format!("/v1/webhooks/{subscription}/test"), None).await.expect(202);
    let bodies = world.mailbox.take_all();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let queued = lines(&told, "queued");
    let [queued] = queued.as_slice() else { panic!("{queued:?}") };
    let message_id = queued["message_ids"].as_str().unwrap().trim_matches(['[', ']', '"']).to_owned();
    assert!(queued["span"]["request_id"].is_string() && !message_id.is_empty(), "{queued}");
    let event: SqsEvent = serde_json::from_value(json!({ "Records": [{ "messageId": message_id, "body": bodies[0].0 }] })).unwrap();
    assert!(world.deliveries.handle(event).await.batch_item_failures.is_empty());
    for (message, fields) in [("attempt", &["delivery_id", "attempt", "duration_ms"][..]), ("message", &["outcome", "duration_ms"])] {
        let lines = lines(&told, message);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            (&line["span"]["message_id"], &line["span"]["organization_id"]),
            (&json!(message_id), &json!(world.tenant().org().to_string()))
        );
        assert!(fields.iter().all(|field| !line[*field].is_null()), "{line}");
    }
}

#[tokio::test]
async fn the_document_of_costs_equals_the_budgets() {
    let mut rows = testkit::costs::measure().await;
    rows.extend(testkit::call_costs::measure(400, |_| {}).await);
    let document = fs::read_to_string(prices::document()).unwrap();
    let computed = prices::with_tables(&document, &prices::tables(&rows)).unwrap();
    assert!(document == computed, "run `cargo xtask costs --quick --dollars`; the tables should be\n{}", prices::tables(&rows));
}
