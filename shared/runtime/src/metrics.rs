//! Counts that alarms watch.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;

use crate::env;

/// The namespace of every metric. Source of the form: "Embedded metric format specification" of CloudWatch.
const NAMESPACE: &str = "Trunkline";

/// Counts what should not happen, by name.
#[derive(Debug, Clone, Default)]
pub enum Metrics {
    /// One line of the log for each count, in the form of which CloudWatch makes a metric, by function.
    #[default]
    Log,
    /// A list that a test looks at.
    Kept(Arc<Mutex<Vec<String>>>),
}

impl Metrics {
    /// Counts one.
    #[expect(clippy::print_stdout, reason = "CloudWatch takes metrics from lines that are nothing but them")]
    pub fn count(&self, name: &'static str, now: Timestamp) {
        match self {
            Self::Log => println!("{}", line(name, &env::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(), now)),
            Self::Kept(names) => names.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned()),
        }
    }
}

/// The line. A function's name has no character that JSON would escape.
fn line(name: &str, function: &str, now: Timestamp) -> String {
    let millis = now.as_millis();
    format!(
        r#"{{"_aws":{{"Timestamp":{millis},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}","Dimensions":[["FunctionName"]],"Metrics":[{{"Name":"{name}","Unit":"Count"}}]}}]}},"FunctionName":"{function}","{name}":1}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_line_of_the_embedded_metric_format() {
        let now = Timestamp::from_millis(1_767_323_045_678).unwrap();
        assert_eq!(
            line("NonceReplays", "trunkline-carrier-callbacks", now),
            concat!(
                r#"{"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Trunkline","Dimensions":[["FunctionName"]],"#,
                r#""Metrics":[{"Name":"NonceReplays","Unit":"Count"}]}]},"FunctionName":"trunkline-carrier-callbacks","NonceReplays":1}"#
            )
        );
    }

    #[test]
    fn counts_can_be_kept() {
        let kept = Arc::default();
        Metrics::Kept(Arc::clone(&kept)).count("A", Timestamp::EPOCH);
        assert_eq!(*kept.lock().unwrap(), ["A"]);
    }
}
