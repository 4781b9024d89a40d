//! Wrong headers and bodies on every route: refused, never a 5xx, nothing written.

use domain::{Mode, api_key::ApiKeyText};
use http::{HeaderValue, Method, Request};
use runtime::random;

use crate::every_route::{EveryRoute, anonymous, names, reads_body};

#[tokio::test]
async fn credentials_that_are_none_or_several_are_401_on_every_route() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let key = bench.fixture.key.reveal();
    let other = ApiKeyText::mint(Mode::Live, random::bytes());
    let wrong: Vec<(&str, Vec<u8>)> = [
        ("x-api-key", format!("{key},{key}")),
        ("x-api-key", format!("{key}, {key}")),
        ("x-api-key", format!("{key},")),
        ("x-api-key", format!(",{key}")),
        ("x-api-key", format!("{key}0")),
        ("x-api-key", key[..key.len() - 1].to_owned()),
        ("x-api-key", key.to_ascii_uppercase()),
        ("x-api-key", key.replace("kros_live_", "kros_test_")),
        ("x-api-key", format!("Bearer {key}")),
        ("x-api-key", other.reveal().to_owned()),
        ("x-api-key", String::new()),
        ("x-api-key", "x".repeat(5_000)),
        ("x-api-key", "aaa.bbb.ccc".to_owned()),
        ("authorization", key.to_owned()),
        ("authorization", format!("Basic {key}")),
        ("authorization", format!("Bearer {key},Bearer {key}")),
        ("authorization", format!("Bearer {key}, {key}")),
        ("authorization", format!("Bearer {key} {key}")),
        ("authorization", format!("Bearer\u{a0}{key}")),
        ("authorization", "Bearer".to_owned()),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", String::new()),
    ]
    .map(|(name, value)| (name, value.into_bytes()))
    .into_iter()
    .chain([("x-api-key", vec![0xFF, 0xFE]), ("authorization", vec![b'B', 0xE9])])
    .collect();
    for (method, path) in bench.routes() {
        for (name, value) in &wrong {
            let request = anonymous(&method, &path).header(*name, HeaderValue::from_bytes(value).unwrap());
            let (status, answer) = bench.send(request, "{}").await;
            let shown = String::from_utf8_lossy(value);
            assert_eq!((status, answer["code"].as_str()), (401, Some("UNAUTHORIZED")), "{method} {path} {name}: {shown}");
        }
        let none = anonymous(&method, &path);
        let twice = bench.request(&method, &path).header("x-api-key", key);
        let two = bench.request(&method, &path).header("authorization", format!("Bearer {}", other.reveal()));
        for request in [none, twice, two] {
            assert_eq!(bench.send(request, "{}").await.0, 401, "{method} {path}");
        }
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn an_organization_header_that_is_malformed_or_disagrees_is_400_and_anothers_403_on_every_route() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let own = bench.fixture.tenant.org().to_string();
    let other = "0198c0de-0000-7000-8000-000000000001";
    let malformed = [
        String::new(),
        "x".to_owned(),
        "*".to_owned(),
        "null".to_owned(),
        own[1..].to_owned(),
        own.replace('-', ""),
        format!("{{{own}}}"),
        format!("{own},{own}"),
        format!("{own},{other}"),
        format!("{own} {own}"),
        format!("pn_{own}"),
        "x".repeat(5_000),
    ];
    for (method, path) in bench.routes() {
        for name in ["x-organization-id", "x-account-id"] {
            for value in &malformed {
                let (status, answer) = bench.send(bench.request(&method, &path).header(name, value), "{}").await;
                assert!(status == 400 && names(&answer, name), "{method} {path} {name}: {value}: {status} {answer}");
            }
            let (status, answer) = bench.send(bench.request(&method, &path).header(name, other), "{}").await;
            assert_eq!((status, answer["code"].as_str()), (403, Some("FORBIDDEN")), "{method} {path} {name}");
            let bytes = HeaderValue::from_bytes(&[0xFF]).unwrap();
            assert_eq!(bench.send(bench.request(&method, &path).header(name, bytes), "{}").await.0, 400, "{method} {path} {name}");
        }
        let disagreeing = bench.request(&method, &path).header("x-organization-id", &own).header("x-account-id", other);
        assert_eq!(bench.send(disagreeing, "{}").await.0, 400, "{method} {path}");
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn an_idempotency_key_that_is_none_is_400_on_every_write() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let wrong: [&[u8]; 6] = [b"", b"\t", b"a\tb", &[b'k'; 256], "schlüssel".as_bytes(), &[0xFF]];
    for (method, path) in bench.writes() {
        for value in wrong {
            let request = bench.request(&method, &path).header("idempotency-key", HeaderValue::from_bytes(value).unwrap());
            let (status, answer) = bench.send(request, "{}").await;
            assert!(status == 400 && names(&answer, "Idempotency-Key"), "{method} {path} {value:?}: {status} {answer}");
        }
        let twice = bench.request(&method, &path).header("idempotency-key", "a").header("idempotency-key", "b");
        assert_eq!(bench.send(twice, "{}").await.0, 400, "{method} {path}");
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn a_wrong_content_type_is_415_and_more_than_64_kib_413_where_a_body_is_read() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let types = [
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "json",
        "application/jsonp",
        "*/*",
    ];
    let reading = bench.writes().into_iter().filter(|(method, path)| reads_body(method, path));
    for (method, path) in reading {
        for content_type in types {
            let request = Request::builder()
                .method(method.clone())
                .uri(&path)
                .header("x-api-key", bench.fixture.key.reveal())
                .header("accept", "application/json");
            let (status, answer) = bench.send(request.header("content-type", content_type), "{}").await;
            assert_eq!((status, answer["code"].as_str()), (415, Some("UNSUPPORTED_MEDIA_TYPE")), "{method} {path} {content_type}");
        }
        for keyed in [false, true] {
            let request = bench.request(&method, &path);
            let request = if keyed { request.header("idempotency-key", "k") } else { request };
            let large = format!("{{\"name\":\"{}\"}}", "x".repeat(65 * 1024));
            let (status, answer) = bench.send(request, large).await;
            assert_eq!((status, answer["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")), "{method} {path}");
        }
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn more_than_64_kib_is_413_where_no_body_is_read_too() {
    let bench = EveryRoute::start().await;
    let before = bench.stored().await;
    let reading_none = bench.writes().into_iter().filter(|(method, path)| !reads_body(method, path));
    for (method, path) in reading_none {
        let (status, answer) = bench.send(bench.request(&method, &path), vec![b' '; 65 * 1024]).await;
        assert_eq!((status, answer["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")), "{method} {path}");
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn a_setting_that_stands_twice_with_different_values_is_400() {
    let bench = EveryRoute::start().await;
    let bodies = [
        r#"{"name": "E", "type": "vapi", "provider_config": {"assistant_id": "a", "assistant_id": "b"}}"#,
        r#"{"name": "E", "type": "vapi", "provider_config": {"assistant_id": "a", "assistantId": "b"}}"#,
        r#"{"name": "E", "name": "F", "type": "vapi", "provider_config": {"assistant_id": "a"}}"#,
    ];
    for body in bodies {
        let (status, answer) = bench.send(bench.request(&Method::POST, "/v1/endpoints"), body).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
}
