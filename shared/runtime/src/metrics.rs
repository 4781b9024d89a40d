//! Figures that alarms watch.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;

use crate::env;

/// The namespace of every metric. Source of the form: "Embedded metric format specification" of CloudWatch.
const NAMESPACE: &str = "Trunkline";

/// Counts what should not happen, and tells how late something is, by name.
#[derive(Debug, Clone, Default)]
pub enum Metrics {
    /// One line of the log for each figure, in the form of which CloudWatch makes a metric, by function.
    #[default]
    Log,
    /// A list that a test looks at: a count's name; the name of seconds with `=` and the figure.
    Kept(Arc<Mutex<Vec<String>>>),
}

impl Metrics {
    /// Counts one.
    pub fn count(&self, name: &'static str, now: Timestamp) {
        match self {
            Self::Log => print(name, 1, "Count", now),
            Self::Kept(kept) => keep(kept, name.to_owned()),
        }
    }

    /// Tells how many seconds something took or is late.
    pub fn seconds(&self, name: &'static str, seconds: i64, now: Timestamp) {
        match self {
            Self::Log => print(name, seconds, "Seconds", now),
            Self::Kept(kept) => keep(kept, format!("{name}={seconds}")),
        }
    }
}

#[expect(clippy::print_stdout, reason = "CloudWatch takes metrics from lines that are nothing but them")]
fn print(name: &str, value: i64, unit: &str, now: Timestamp) {
    println!("{}", line(name, value, unit, &env::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(), now));
}

fn keep(kept: &Mutex<Vec<String>>, figure: String) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(figure);
}

/// The line. A function's name has no character that JSON would escape.
fn line(name: &str, value: i64, unit: &str, function: &str, now: Timestamp) -> String {
    let millis = now.as_millis();
    format!(
        r#"{{"_aws":{{"Timestamp":{millis},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}","Dimensions":[["FunctionName"]],"Metrics":[{{"Name":"{name}","Unit":"{unit}"}}]}}]}},"FunctionName":"{function}","{name}":{value}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_line_of_the_embedded_metric_format() {
        let now = Timestamp::from_millis(1_767_323_045_678).unwrap();
        assert_eq!(
            line("NonceReplays", 1, "Count", "trunkline-carrier-callbacks", now),
            concat!(
                r#"{"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Trunkline","Dimensions":[["FunctionName"]],"#,
                r#""Metrics":[{"Name":"NonceReplays","Unit":"Count"}]}]},"FunctionName":"trunkline-carrier-callbacks","NonceReplays":1}"#
            )
        );
        assert!(line("A", 70, "Seconds", "f", now).ends_with(r#""Metrics":[{"Name":"A","Unit":"Seconds"}]}]},"FunctionName":"f","A":70}"#));
    }

    #[test]
    fn figures_can_be_kept() {
        let kept = Arc::default();
        let metrics = Metrics::Kept(Arc::clone(&kept));
        metrics.count("A", Timestamp::EPOCH);
        metrics.seconds("B", 70, Timestamp::EPOCH);
        assert_eq!(*kept.lock().unwrap(), ["A", "B=70"]);
    }
}
