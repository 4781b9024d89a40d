//! The end of a function's process: by SIGTERM, as Lambda ends an idle sandbox of a function with extensions, or without a
//! word. Either way every line it logged is there, whole.

use std::{fs, future::pending, time::Duration};

use serde_json::{Value, json};
use testkit::lambda::{Function, Outcome, Signal};

/// A function that needs nothing but a place for its log, which it writes for an empty batch too.
fn function(log: &std::path::Path) -> Function {
    const NOWHERE: &str = "http://127.0.0.1:9";
    let environment = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("TABLE_NAME", "none"),
        ("WEBHOOK_QUEUE_URL", NOWHERE),
        ("DEAD_LETTER_QUEUE_URL", NOWHERE),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Function::new("call-events", Duration::from_secs(20), environment).logging_to(log)
}

#[tokio::test]
async fn whatever_ends_a_function_its_log_is_whole() {
    for signal in [Signal::TERM, Signal::KILL] {
        let log = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stopping-{}.log", signal.as_raw()));
        let mut function = function(&log);
        for _ in 0..3 {
            let outcome = function.invoke(json!({ "Records": [] }), pending()).await;
            assert_eq!(outcome, Outcome::Answered(json!({ "batchItemFailures": [] })));
        }
        let stopped = tokio::time::timeout(Duration::from_secs(5), function.stop(signal)).await;
        assert!(!stopped.expect("it ends at once").unwrap().success());
        let text = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.iter().filter(|line| line["message"] == "batch").count(), 3, "{text}");
    }
}
