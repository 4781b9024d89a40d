//! The page about errors and the codes that there are.

use std::collections::BTreeSet;

use api::Code;
use serde_json::Value;

const PAGE: &str = include_str!("../../infra/docs/errors.md");

/// The cells of the rows that begin with a code.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 5);
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_code_stands_on_the_page_once_with_its_status_a_meaning_and_a_remedy_and_nothing_else_does() {
    let told: Vec<(String, String)> = rows().iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1].to_owned())).collect();
    let codes: Vec<(String, String)> = Code::ALL.iter().map(|code| (code.as_str().to_owned(), code.status().to_string())).collect();
    assert_eq!(told, codes);
    assert!(rows().iter().all(|row| row[2].len() > 10 && row[3].len() > 3));
}

#[test]
fn the_page_has_every_line_of_text_that_the_telephony_routes_answer() {
    let document: Value = serde_json::from_str(include_str!("../../infra/openapi.json")).unwrap();
    let responses = document["components"]["responses"].as_object().unwrap();
    let texts = responses.values().filter_map(|response| response["content"]["text/plain"]["example"].as_str());
    let texts: BTreeSet<&str> = texts.map(|text| text.split(':').next().unwrap_or_default()).collect();
    assert!(texts.len() > 10);
    let missing: Vec<&str> = texts.into_iter().filter(|text| !PAGE.contains(&format!("`{text}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
