//! Code behind a route reaches one organization's data: it cannot say whose it means, and whatever a request names, no key
//! of the table is formed with another organization.

use std::{fs, path::Path};

use domain::Mode;
use regex::Regex;
use serde_json::{Value, json};
use testkit::{Fixture, LocalTable, Mailbox, Recorder, costs, fixture};

use crate::{
    every_route::{Parts, anonymous, functions, told},
    route_samples::SAMPLES,
    template::http_functions,
    things::Things,
};

/// Code behind routes that may name organizations, or reach for keys of the table, and why. Everything else has its caller's
/// tenant, which it can neither make nor change: `store::Tenant::new` is refused by clippy.
const ARGUED: [(&str, &str); 4] = [
    ("shared/api/src/auth.rs", "the gate makes the tenant of a checked credential, and counts for it"),
    ("shared/api/src/auth/chosen.rs", "reads which one a request names, for the gate to hold against the credential"),
    ("functions/api-keys/src/organizations.rs", "shows the organizations that the caller's memberships name"),
    ("functions/carrier-callbacks/src/whose.rs", "a carrier has no key: its token, its signature and the number tell whose call it is"),
];

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The table's methods that take an organization rather than a tenant.
fn of_organizations(root: &Path) -> Vec<String> {
    let takes = Regex::new(r"pub async fn (\w+)\(\s*&self,\s*\w+: OrgId\b").unwrap();
    let all = sources(&root.join("shared/store/src")).into_iter().map(|path| fs::read_to_string(path).unwrap());
    all.flat_map(|source| takes.captures_iter(&source).map(|found| format!(".{}(", &found[1])).collect::<Vec<_>>()).collect()
}

/// The lines of code that name an organization's id or a key of the table, or that ask for what an organization has; tests,
/// which come last, and comments left out.
fn naming_lines<'a>(source: &'a str, methods: &[String]) -> Vec<&'a str> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = |line: &&str| {
        ["OrgId", "access_patterns", "Tenant::new"].iter().any(|word| line.contains(word))
            || methods.iter().any(|method| line.contains(method))
    };
    lines.filter(names).collect()
}

#[test]
fn no_code_behind_a_route_says_whose_data_it_means_but_the_gate() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let methods = of_organizations(root);
    assert!(methods.len() > 8 && methods.contains(&".standing(".to_owned()), "{methods:?}");
    let folders = http_functions().into_iter().map(|function| format!("functions/{function}/src")).chain(["shared/api/src".to_owned()]);
    let mut argued = 0;
    for path in folders.flat_map(|folder| sources(&root.join(folder))) {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        let source = fs::read_to_string(&path).unwrap();
        let (found, is_argued) = (naming_lines(&source, &methods), ARGUED.iter().any(|(file, _)| *file == name));
        assert_eq!(!found.is_empty(), is_argued, "{name}: {found:#?}");
        argued += usize::from(is_argued);
    }
    assert_eq!(argued, ARGUED.len(), "every file that is argued for is there");
}

#[test]
fn what_names_an_organization_is_seen_in_code_and_not_in_tests_or_comments() {
    let seen = |source| naming_lines(source, &[".standing(".to_owned()]).len();
    assert_eq!(
        seen("let org: OrgId = text.parse()?;\nlet at = Tenant::new(org, mode);\naccess_patterns::number(org)\ntable.standing(other)"),
        4
    );
    assert_eq!(seen("fn tenant(&self) -> Tenant {\n// Tenant::new(org, mode)\nlet org = caller.tenant.org();\ntenant: Tenant,"), 0);
    assert_eq!(seen("#[cfg(test)]\nmod tests { use domain::OrgId; }"), 0);
}

/// A body that names an organization in every way that a client may think of.
fn naming(body: &str, organization: &str) -> String {
    let Ok(Value::Object(mut body)) = serde_json::from_str(body) else { return body.to_owned() };
    for name in ["organization_id", "organizationId", "account_id", "org", "tenant"] {
        body.insert(name.to_owned(), json!(organization));
    }
    body.insert("pk".to_owned(), json!(format!("ORG#{organization}#live")));
    Value::Object(body).to_string()
}

#[tokio::test]
async fn no_key_of_the_table_is_formed_with_another_organization_or_mode_whatever_a_request_names() {
    let (local, recorder) = (LocalTable::start().await, Recorder::default());
    let [own, other] = [Fixture::create(&local.table, Mode::Live).await.tenant, Fixture::create(&local.table, Mode::Live).await.tenant];
    local.table.import_slot(Mode::Live, &fixture::slot(2)).await.unwrap();
    let (own, other) = (Things::create(&local, own, 10).await, Things::create(&local, other, 11).await);
    let functions = functions(|_| Parts {
        table: local.recorded(&recorder),
        vault: costs::vault(),
        queue: Mailbox::new(std::sync::Arc::default()).sender(),
        clock: runtime::Clock::System,
        guard: fixture::public_names(),
    });
    let (theirs, mut asked) = (other.tenant.org().to_string(), 0);
    for sample in SAMPLES {
        let plain = (sample.path(&own), sample.body_of(&own));
        let named = sample.slots().into_iter().map(|slot| sample.naming(slot, &own, &other));
        for (path, body) in named.chain([plain]) {
            let glue = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{glue}account_id={theirs}&org=ORG%23{theirs}&mode=test");
            let asked_at = |path: &str| {
                let request = anonymous(&sample.method(), path).header("x-api-key", own.key.reveal()).header("x-mode", "test");
                request.header("idempotency-key", format!("ORG#{theirs}")).body(naming(&body, &theirs).into()).unwrap()
            };
            // The one name that is heeded is refused.
            let refused = told(&functions, asked_at(&format!("{path}&organization_id={theirs}"))).await;
            assert_eq!((refused.status, refused.code()), (403, "FORBIDDEN"), "{}", sample.shown());
            told(&functions, asked_at(&path)).await;
            for partition in recorder.take_partitions() {
                let parts: Vec<&str> = partition.split('#').collect();
                assert!(!partition.contains(&theirs) && !parts.contains(&"test"), "{} asked by {partition}", sample.shown());
                asked += usize::from(parts.contains(&own.tenant.org().to_string().as_str()));
            }
        }
    }
    assert!(asked > SAMPLES.len(), "{asked} keys of its own were formed");
}
