//! Wrong queries and ids on the routes of numbers, endpoints, webhooks and calls: refused with what is wrong named, never a 5xx, nothing written; and
//! what looks wrong and is not.

use http::Method;

use crate::every_route::{EveryRoute, names};

/// Texts that no parameter takes.
const TEXTS: [&str; 28] = [
    "",
    " ",
    "\u{0}",
    "a\u{0}b",
    "\u{202e}evitca",
    "ａｃｔｉｖｅ",
    "аctive",
    "ＮＧ",
    "５",
    "٣",
    "+5",
    " 5",
    "-1",
    "-9223372036854775809",
    "1.5",
    "1e3",
    "0x10",
    "99999999999999999999999999",
    "NaN",
    "null",
    "[]",
    "{}",
    "true,false",
    "TRUE",
    "<script>",
    "' OR 1=1 --",
    "../../etc/passwd",
    "ORG#1",
];

/// What a parameter takes.
#[derive(Clone, Copy)]
enum Kind {
    Limit,
    Offset,
    Page,
    Switch,
    Word,
    Country,
    Id,
}

/// A list's parameters, and what each of them may hold.
type Parameters = &'static [(&'static str, Kind)];

const CALLS: Parameters =
    &[("status", Kind::Word), ("direction", Kind::Word), ("limit", Kind::Limit), ("offset", Kind::Offset), ("page", Kind::Page)];

/// A list, the query that it needs, and its parameters.
const LISTS: [(&str, &str, Parameters); 7] = [
    (
        "/v1/phone-numbers",
        "",
        &[
            ("action", Kind::Word),
            ("status", Kind::Word),
            ("country", Kind::Country),
            ("type", Kind::Word),
            ("endpoint_id", Kind::Id),
            ("include_released", Kind::Switch),
            ("envelope", Kind::Switch),
            ("limit", Kind::Limit),
            ("offset", Kind::Offset),
            ("page", Kind::Page),
        ],
    ),
    (
        "/v1/phone-numbers",
        "action=available&country=NG&",
        &[("type", Kind::Word), ("envelope", Kind::Switch), ("limit", Kind::Limit), ("offset", Kind::Offset), ("page", Kind::Page)],
    ),
    (
        "/api/v1/phone-numbers/available",
        "country=NG&",
        &[("type", Kind::Word), ("envelope", Kind::Switch), ("limit", Kind::Limit), ("offset", Kind::Offset), ("page", Kind::Page)],
    ),
    (
        "/v1/endpoints",
        "",
        &[
            ("type", Kind::Word),
            ("status", Kind::Word),
            ("envelope", Kind::Switch),
            ("limit", Kind::Limit),
            ("offset", Kind::Offset),
            ("page", Kind::Page),
        ],
    ),
    (
        "/v1/webhooks/deliveries",
        "",
        &[
            ("endpoint_id", Kind::Id),
            ("subscription_id", Kind::Id),
            ("receiver_id", Kind::Id),
            ("call_id", Kind::Id),
            ("status", Kind::Word),
            ("limit", Kind::Limit),
        ],
    ),
    ("/v1/calls", "", CALLS),
    // Statistics have no pages; a page that cannot be read is wrong all the same.
    ("/v1/calls", "action=stats&", CALLS),
];

/// Values that are wrong for every parameter, and those that are wrong for this one.
fn wrong(kind: Kind) -> Vec<String> {
    let more: &[&str] = match kind {
        Kind::Limit => &["0", "101", "1 ", "1,2"],
        Kind::Offset => &["100000001", "1 ", "1,2"],
        Kind::Page => &["0", "1 ", "1,2"],
        Kind::Switch => &["1", "0", "yes", "on", "True", " true"],
        Kind::Word => &["Active", "active ", "active,inactive", "error'", "pigeon", "toll-free", "agents"],
        Kind::Country => &["N", "NGA", "ZZ", "12", "N G", "NG,GH"],
        Kind::Id => &[
            "0198c0de",
            "0198c0de000070008000000000000001",
            "{0198c0de-0000-7000-8000-000000000001}",
            "urn:uuid:0198c0de-0000-7000-8000-000000000001",
            "0198c0de-0000-7000-8000-00000000000g",
            "pn_0198c0de-0000-7000-8000-000000000001",
            "ep_ep_0198c0de-0000-7000-8000-000000000001",
            "0198c0de-0000-7000-8000-000000000001\n",
        ],
    };
    TEXTS.iter().chain(more).map(|text| (*text).to_owned()).chain(["x".repeat(5_000), "é".repeat(500)]).collect()
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| camel + &word[..1].to_ascii_uppercase() + &word[1..])
}

#[tokio::test]
async fn a_wrong_value_in_any_parameter_of_a_list_is_400_with_the_parameter_named_and_nothing_written() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    for (path, needed, parameters) in LISTS {
        let mut tried = 0;
        for (parameter, kind) in parameters {
            let mut spellings = vec![camel_case(parameter), (*parameter).to_owned()];
            spellings.dedup();
            for value in wrong(*kind) {
                for name in &spellings {
                    let (status, answer) = bench.get(&format!("{path}?{needed}{name}={}", encoded(&value))).await;
                    assert!(status == 400 && names(&answer, parameter), "{path}?{needed}{name}={value:?}: {status} {answer}");
                }
                tried += 1;
            }
        }
        assert!(tried >= 150, "{path}: only {tried} queries were tried");
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn a_wrong_country_of_the_inventory_is_400_by_action_and_by_path() {
    let bench = EveryRoute::start().await;
    for value in wrong(Kind::Country) {
        for path in ["/v1/phone-numbers?action=available&", "/v1/phone-numbers/available?"] {
            let (status, answer) = bench.get(&format!("{path}country={}", encoded(&value))).await;
            assert!(status == 400 && names(&answer, "country"), "{path}country={value:?}: {status} {answer}");
        }
    }
}

#[tokio::test]
async fn a_parameter_that_is_sent_twice_is_400_in_either_spelling() {
    let bench = EveryRoute::start().await;
    for (path, needed, parameters) in LISTS {
        for (parameter, kind) in parameters {
            let values = match kind {
                Kind::Limit | Kind::Offset | Kind::Page => ["1", "2"],
                Kind::Switch => ["true", "false"],
                Kind::Country => ["NG", "GH"],
                Kind::Id => ["0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"],
                Kind::Word => ["active", "inactive"],
            };
            let camel = camel_case(parameter);
            for (one, other) in [(*parameter, *parameter), (*parameter, camel.as_str()), (camel.as_str(), *parameter)] {
                for second in values {
                    let (status, answer) = bench.get(&format!("{path}?{needed}{one}={}&{other}={second}", values[0])).await;
                    let named = names(&answer, one) || names(&answer, other);
                    assert!(status == 400 && named, "{path}?{needed}{one}=…&{other}={second}: {status} {answer}");
                }
            }
        }
    }
}

/// Spellings that are close to an id and name nothing.
fn misspelt(id: &str) -> Vec<String> {
    let at = |place: usize, middle: &str, rest: usize| format!("{}{middle}{}", &id[..place], &id[rest..]);
    let places = 0..id.len();
    let changed = places.clone().flat_map(|place| ["g", "\u{0}", "０", " "].map(|middle| at(place, middle, place + 1)));
    let shorter = places.clone().map(|place| at(place, "", place + 1));
    let longer = places.map(|place| at(place, "0", place));
    let texts = TEXTS.iter().skip(1).map(|text| (*text).to_owned());
    let wrapped = ["{id}x", "x{id}", "{{id}}", "urn:uuid:{id}", "call_{id}", "inv_{id}", "PN_{id}", "pn_pn_{id}", "EP_{id}", "ep_ep_{id}"];
    let wrapped = wrapped.iter().map(|form| form.replace("{id}", id));
    changed.chain(shorter).chain(longer).chain(texts).chain(wrapped).chain(["x".repeat(5_000)]).collect()
}

#[tokio::test]
async fn an_id_in_the_path_that_is_not_exactly_one_names_nothing() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let targets = [
        ("/v1/phone-numbers", bench.own.number.to_string(), "ep_", ""),
        ("/v1/endpoints", bench.own.endpoint.to_string(), "pn_", "/rotate-secret"),
        ("/v1/webhooks", bench.own.webhook.to_string(), "ep_", "/rotate-secret"),
    ];
    for (base, id, foreign, below) in targets {
        let more = [format!("{foreign}{id}"), "%FF".to_owned(), "%C0%AF".to_owned()];
        let ids: Vec<String> = misspelt(&id).iter().map(|id| encoded(id)).chain(more).collect();
        assert!(ids.len() >= 150, "{base}: only {} ids are tried", ids.len());
        for id in ids {
            for method in [Method::GET, Method::PATCH, Method::DELETE] {
                let (status, answer) = bench.send(bench.request(&method, &format!("{base}/{id}")), "{}").await;
                assert_eq!((status, answer["code"].as_str()), (404, Some("NOT_FOUND")), "{method} {base}/{id}");
            }
            let (status, _) = bench.send(bench.request(&Method::POST, &format!("{base}/{id}{below}")), "{}").await;
            assert_eq!(status, if below.is_empty() { 405 } else { 404 }, "POST {base}/{id}{below}");
        }
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn a_wrong_action_of_a_deletion_is_400_and_deletes_nothing() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    for value in wrong(Kind::Word) {
        let path = format!("/v1/phone-numbers/{}?action={}", bench.own.number, encoded(&value));
        let (status, answer) = bench.send(bench.request(&Method::DELETE, &path), "").await;
        assert!(status == 400 && names(&answer, "action"), "{path}: {status} {answer}");
    }
    assert_eq!(bench.stored().await, before, "nothing was deleted");
}

#[tokio::test]
async fn an_unknown_parameter_is_passed_over_even_if_it_stands_twice() {
    let bench = EveryRoute::start().await;
    for path in ["/v1/phone-numbers", "/v1/phone-numbers/available?country=NG", "/v1/endpoints", "/v1/webhooks/deliveries"] {
        let glue = if path.contains('?') { '&' } else { '?' };
        let (status, answer) = bench.get(&format!("{path}{glue}colour=red&colour=blue")).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
}

#[tokio::test]
async fn what_looks_wrong_and_is_not_passes() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let number = bench.own.number.to_string();
    let endpoint = bench.own.endpoint.to_string();
    let paths = [
        "/v1/phone-numbers?".to_owned(),
        "/v1/phone-numbers?&&".to_owned(),
        "/v1/phone-numbers?=".to_owned(),
        "/v1/phone-numbers?limit=007".to_owned(),
        "/v1/phone-numbers?limit=%31%30".to_owned(),
        "/v1/phone-numbers?offset=100000000".to_owned(),
        "/v1/phone-numbers?page=1000000&limit=100".to_owned(),
        "/v1/phone-numbers?country=ng".to_owned(),
        "/v1/phone-numbers?Status=gone&LIMIT=0".to_owned(),
        "/v1/phone-numbers?%00=%00".to_owned(),
        "/v1/phone-numbers?endpointId=0198C0DE-0000-7000-8000-000000000001".to_owned(),
        "/v1/phone-numbers?region=nowhere&capabilities=fly".to_owned(),
        format!("/v1/phone-numbers?colour={}", "x".repeat(20_000)),
        format!("/v1/phone-numbers/{}", number.to_ascii_uppercase()),
        format!("/v1/phone-numbers/pn_{number}"),
        format!("/v1/phone-numbers/{number}?limit=0"),
        format!("/v1/phone-numbers/%{:02X}{}", number.as_bytes()[0], &number[1..]),
        "/v1/endpoints?status=error".to_owned(),
        "/v1/endpoints?type=direct_sip".to_owned(),
        format!("/v1/endpoints/ep_{}", endpoint.to_ascii_uppercase()),
        format!("/v1/endpoints/{endpoint}?action=release"),
    ];
    for path in &paths {
        let (status, answer) = bench.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let key = bench.fixture.key.reveal();
    let own = bench.fixture.tenant.org().to_string();
    let headers: [(&str, String); 9] = [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bEARER    {key}")),
        ("x-organization-id", own.clone()),
        ("x-account-id", own.to_ascii_uppercase()),
        ("x-organization-id", format!("  {own}  ")),
        ("x-request-id", "not sound!".to_owned()),
        ("idempotency-key", "k".repeat(300)),
        ("content-type", "image/png".to_owned()),
        ("accept", "image/png".to_owned()),
    ];
    for (name, value) in &headers {
        let (status, answer) = bench.send(bench.request(&Method::GET, "/v1/endpoints").header(*name, value), "").await;
        assert_eq!(status, 200, "{name}: {value}: {answer}");
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}
