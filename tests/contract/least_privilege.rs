//! Roles allow what their functions do, and no more: the template is compared with what each function was seen to do.
//!
//! What is seen comes from one life of the whole product (`whole_life`). A grant that nothing used there is too wide; a deed
//! that no grant covers is too narrow. New code that does something new for the first time belongs into that life.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value;
use testkit::recorder::Deed;

use crate::{
    template::{folder, resources, template, texts, untagged},
    whole_life::Life,
};

/// Partitions that say who is let in: who could write them would be anybody.
const DOORS: [&str; 3] = ["ISSUER", "KEY#*", "USER#*"];

/// One statement of a role's policy, as far as it allows something on the table, its indexes, the vault's key or a queue.
#[derive(Debug)]
struct Grant {
    sid: String,
    actions: Vec<String>,
    /// As [`Deed::on`].
    on: Vec<String>,
    /// What [`Deed::named`] must match; for queues the empty name.
    named: Vec<String>,
}

impl Grant {
    fn covers(&self, deed: &Deed) -> bool {
        self.actions.iter().any(|action| action == deed.action) && self.on.contains(&deed.on) && self.named.contains(&deed.named)
    }

    /// Its parts of which nothing came. Of what opens doors everything that it allows must have been done.
    fn unused(&self, deeds: &BTreeSet<Deed>) -> Vec<String> {
        let used: Vec<&Deed> = deeds.iter().filter(|deed| self.covers(deed)).collect();
        let actions = self.actions.iter().filter(|action| !used.iter().any(|deed| deed.action == *action));
        let on = self.on.iter().filter(|on| !used.iter().any(|deed| deed.on == **on));
        let named = self.named.iter().filter(|named| !used.iter().any(|deed| deed.named == **named));
        let doors = self.named.iter().filter(|named| DOORS.contains(&named.as_str()));
        let pairs = doors.flat_map(|named| self.actions.iter().map(move |action| (action, named)));
        let pairs = pairs.filter(|(action, named)| !used.iter().any(|deed| deed.action == **action && deed.named == **named));
        actions.chain(on).chain(named).cloned().chain(pairs.map(|(action, named)| format!("{action} of {named}"))).collect()
    }
}

/// The role of each function, by the function's folder.
fn roles() -> BTreeMap<String, Value> {
    let roles: BTreeMap<String, Value> = resources("AWS::IAM::Role").into_iter().collect();
    let functions = resources("AWS::Serverless::Function");
    let role = |function: &Value| roles[texts(&function["Role"])[0].trim_end_matches(".Arn")].clone();
    functions.iter().map(|(_, function)| (folder(function), role(function))).collect()
}

fn statements(role: &Value) -> Vec<Value> {
    let policies = role["Policies"].as_sequence().unwrap();
    policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_sequence().unwrap().clone()).collect()
}

/// What a role grants of what a function does by itself. Its log and the queue that brings its events are Lambda's to use.
fn grants(role: &Value) -> Vec<Grant> {
    statements(role).iter().filter_map(grant).collect()
}

fn grant(statement: &Value) -> Option<Grant> {
    let owned = |value: &Value| texts(value).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (sid, actions) = (statement["Sid"].as_str().unwrap().to_owned(), owned(&statement["Action"]));
    let on = owned(&statement["Resource"]);
    let condition = &statement["Condition"];
    let (on, named) = match actions[0].split_once(':').unwrap() {
        ("dynamodb", _) => {
            let index = |resource: &String| match resource.as_str() {
                "Table.Arn" => String::new(),
                other => other.strip_prefix("${Table.Arn}/index/").unwrap().to_owned(),
            };
            (on.iter().map(index).collect(), owned(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]))
        }
        ("kms", _) => {
            assert_eq!(on, ["VaultKey.Arn"], "{sid}");
            (vec![String::new()], owned(&condition["StringEquals"]["kms:EncryptionContext:kind"]))
        }
        ("sqs", "SendMessage") => (on.iter().map(|queue| queue.trim_end_matches(".Arn").to_owned()).collect(), vec![String::new()]),
        _ => return None,
    };
    Some(Grant { sid, actions, on, named })
}

#[tokio::test]
async fn every_role_allows_what_its_function_does_and_nothing_else() {
    let life = Life::begin().await;
    life.whole().await;
    let (deeds, roles) = (life.cloud.deeds(), roles());
    assert_eq!(deeds.keys().copied().collect::<BTreeSet<_>>(), roles.keys().map(String::as_str).collect(), "every function lived");
    let mut wrong = Vec::new();
    for (function, role) in &roles {
        let (deeds, grants) = (&deeds[function.as_str()], grants(role));
        let denied = deeds.iter().filter(|deed| !grants.iter().any(|grant| grant.covers(deed)));
        wrong.extend(denied.map(|deed| format!("{function} may not {} {} {}", deed.action, deed.on, deed.named)));
        for grant in &grants {
            wrong.extend(grant.unused(deeds).iter().map(|part| format!("{function}: {} allows {part}, of which nothing comes", grant.sid)));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), as_statements(&deeds));
}

/// What was seen, for people who write the template.
fn as_statements(deeds: &BTreeMap<&str, BTreeSet<Deed>>) -> String {
    let mut text = String::new();
    for (function, deeds) in deeds {
        text += &format!("{function}:\n");
        for ((action, on), named) in testkit::recorder::by_action(deeds) {
            text += &format!("  {action} {on} [{}]\n", named.into_iter().collect::<Vec<_>>().join(", "));
        }
    }
    text
}

#[test]
fn beside_that_a_role_writes_its_own_log_and_takes_the_messages_of_its_own_queue() {
    let roles = roles();
    for (_, function) in resources("AWS::Serverless::Function") {
        let (name, logs) = (folder(&function), texts(&function["LoggingConfig"]["LogGroup"])[0].to_owned());
        let others = statements(&roles[&name]).into_iter().filter(|statement| grant(statement).is_none());
        let mut found: Vec<(Vec<String>, Vec<String>)> =
            others.map(|statement| (owned(&statement["Action"]), owned(&statement["Resource"]))).collect();
        found.sort();
        let mut expected = vec![(owned_of(&["logs:CreateLogStream", "logs:PutLogEvents"]), vec![format!("{logs}.Arn")])];
        let events = function["Events"].as_mapping().unwrap().values();
        expected.extend(events.filter(|event| event["Type"].as_str() == Some("SQS")).map(|event| {
            let consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
            (owned_of(&consume), owned(&event["Properties"]["Queue"]))
        }));
        expected.sort();
        assert_eq!(found, expected, "{name}");
    }
}

fn owned(value: &Value) -> Vec<String> {
    owned_of(&texts(value))
}

fn owned_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_right_on_the_table_names_the_partitions_it_is_for_and_only_conditions_have_wildcards() {
    for (function, role) in roles() {
        for statement in statements(&role) {
            let action = texts(&statement["Action"]);
            assert_eq!(statement["Effect"].as_str(), Some("Allow"), "{function}");
            if !action[0].starts_with("dynamodb:") {
                continue;
            }
            let named = texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
            assert!(!named.is_empty(), "{function}: {action:?} on any partition");
            for name in named {
                let kind = name.strip_suffix("#*").unwrap_or(name);
                let known = store::access_patterns::PATTERNS.iter().any(|pattern| pattern.partition_key.split('#').next() == Some(kind));
                assert!(known, "{function}: no access pattern begins with {name}");
                let alone = store::access_patterns::PATTERNS.iter().all(|pattern| pattern.partition_key != name);
                assert_eq!(name.ends_with("#*"), alone, "{function}: {name}");
            }
        }
        assert!(texts(untagged(&role["AssumeRolePolicyDocument"]["Statement"][0]["Action"])) == ["sts:AssumeRole"]);
    }
}

#[test]
fn who_is_a_member_and_whose_tokens_are_believed_no_function_may_write() {
    for (function, role) in roles() {
        for grant in grants(&role).iter().filter(|grant| grant.named.iter().any(|named| ["ISSUER", "USER#*"].contains(&named.as_str()))) {
            let reads = |action: &String| ["dynamodb:GetItem", "dynamodb:Query"].contains(&action.as_str());
            assert!(grant.actions.iter().all(reads), "{function}: {grant:?}");
        }
    }
}

/// Where a wildcard stands for all actions or resources, and why.
const WILDCARDS: [(&str, usize, &str); 3] = [
    ("DataKey", 3, "in a key's own policy «*» is this key: who administers it, who uses it, and alarms"),
    ("TraceUse", 1, "a segment of a trace belongs to no resource"),
    ("VaultKey", 2, "in a key's own policy «*» is this key: who administers it, and who uses it"),
];

/// The wildcards among the actions and resources of all statements below a value.
fn wildcards(value: &Value) -> usize {
    let value = untagged(value);
    if let Value::Sequence(items) = value {
        return items.iter().map(wildcards).sum();
    }
    let Value::Mapping(map) = value else { return 0 };
    let below: usize = map.values().map(wildcards).sum();
    let own = ["Action", "Resource", "NotAction", "NotResource"].iter().flat_map(|field| texts(&value[*field]));
    below + if value["Effect"].is_null() { 0 } else { own.filter(|text| text.contains('*')).count() }
}

#[test]
fn no_statement_of_the_template_has_a_wildcard_that_is_not_argued_for() {
    let template = template();
    let resources =
        template["Resources"].as_mapping().unwrap().iter().map(|(name, resource)| (name.as_str().unwrap(), wildcards(resource)));
    let found: BTreeMap<&str, usize> = resources.filter(|(_, count)| *count > 0).collect();
    assert_eq!(found, WILDCARDS.map(|(name, count, _)| (name, count)).into());
}
