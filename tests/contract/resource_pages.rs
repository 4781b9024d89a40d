//! The tables of requests on the documentation's pages, and the description of the API: what one has the other has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

/// What no page lists: it is for browsers, monitors and carriers, or goes without saying.
const ELSEWHERE: [&str; 5] = ["/docs", "/health", "/openapi.json", "/carriers/", "/v1/phone-numbers/available"];

/// A request: its method, and its path as the pages write it.
type Request = (String, String);

/// The successful statuses and the scope of every operation.
fn described() -> BTreeMap<Request, (BTreeSet<String>, Option<String>)> {
    let document: Value = serde_json::from_str(include_str!("../../infra/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, told)| (path, method, told)));
    let kept = operations.filter(|(path, _, told)| told["responses"].is_object() && !ELSEWHERE.iter().any(|other| path.starts_with(other)));
    kept.map(|(path, method, told)| {
        let statuses = told["responses"].as_object().unwrap().keys().filter(|status| status.starts_with('2')).cloned().collect();
        let scope = told["security"][0]["apiKey"][0].as_str().map(str::to_owned);
        ((method.to_uppercase(), path.trim_start_matches("/api").to_owned()), (statuses, scope))
    })
    .collect()
}

/// The pages, by their paths.
fn pages() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/docs");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// The rows that list requests, as page, requests and the other two cells.
fn rows() -> Vec<(String, Vec<Request>, String, String)> {
    pages().iter().flat_map(|(page, text)| text.lines().filter_map(|line| row(page, line)).collect::<Vec<_>>()).collect()
}

fn row(page: &str, line: &str) -> Option<(String, Vec<Request>, String, String)> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [requests, scope, answer] = cells.as_slice() else { return None };
    let words = requests.split('`').filter_map(|word| word.split_once(' '));
    let requests: Vec<Request> = words
        .filter(|(method, path)| ["GET", "POST", "PATCH", "DELETE"].contains(method) && path.starts_with('/'))
        .map(|(method, path)| (method.to_owned(), path.split('?').next().unwrap().to_owned()))
        .collect();
    (!requests.is_empty()).then(|| (page.to_owned(), requests, (*scope).to_owned(), (*answer).to_owned()))
}

#[test]
fn every_request_stands_in_a_table_with_its_scope_and_its_answer_and_no_table_has_another() {
    let mut described = described();
    let all: BTreeSet<Request> = described.keys().cloned().collect();
    let mut listed = BTreeSet::new();
    for (page, requests, scope, answer) in rows() {
        for request in requests {
            let (statuses, asked) = described.get_mut(&request).unwrap_or_else(|| panic!("{page}: there is no {request:?}"));
            let told: BTreeSet<String> =
                answer.split([' ', ':', ',', ';']).filter(|word| word.len() == 3 && word.starts_with('2')).map(str::to_owned).collect();
            assert!(!told.is_empty() && told.is_subset(statuses), "{page}: {request:?} is answered with {statuses:?}");
            assert!(asked.as_ref().is_none_or(|asked| scope.contains(&format!("`{asked}`"))), "{page}: {request:?} needs {asked:?}");
            listed.insert(request);
        }
    }
    let missing: Vec<&Request> = all.difference(&listed).collect();
    assert!(missing.is_empty(), "on no page: {missing:?}");
}

#[test]
fn every_schema_that_a_page_sends_its_reader_to_is_there() {
    let document: Value = serde_json::from_str(include_str!("../../infra/openapi.json")).unwrap();
    let mut named = 0;
    for (page, text) in pages() {
        for rest in text.split("/docs`, schema").skip(1) {
            for name in rest.split(['.', ':']).next().unwrap().split('`').skip(1).step_by(2) {
                assert!(!document["components"]["schemas"][name].is_null(), "{page}: there is no schema {name}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}
