//! The client against receivers that answer, stall, lie and are not there: all on loopback.

use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, header, method, path},
};

use super::*;

fn client() -> WebhookClient {
    WebhookClient::new(Loopback::Allowed).unwrap()
}

fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text, Loopback::Allowed).unwrap()
}

async fn post(url: &WebhookUrl) -> Attempt {
    client().post(url, &[("webhook-id", "dlv")], Bytes::from_static(b"{}")).await
}

/// A receiver that answers everything alike, and the URL it is at.
async fn receiver(answer: ResponseTemplate) -> (MockServer, WebhookUrl) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let url = url(&format!("{}/hook", server.uri()));
    (server, url)
}

/// A receiver that takes one connection, reads a little and writes these bytes; the connection stays open if `hold`.
async fn raw_receiver(answer: &'static [u8], hold: bool) -> WebhookUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(answer).await;
        if hold {
            std::future::pending::<()>().await;
        }
    });
    url(&format!("http://{address}/hook"))
}

#[tokio::test]
async fn a_webhook_arrives_with_its_headers_and_bytes() {
    let server = MockServer::start().await;
    let expected = Mock::given(method("POST"))
        .and(path("/hook"))
        .and(header("content-type", "application/json"))
        .and(header("user-agent", "Trunkline-Webhooks/1.0"))
        .and(header("webhook-id", "dlv"))
        .and(body_string("{}"));
    expected.respond_with(ResponseTemplate::new(201).set_body_string("thanks")).expect(1).mount(&server).await;
    let attempt = post(&url(&format!("{}/hook", server.uri()))).await;
    assert_eq!(attempt.outcome, Outcome::Answered { status: 201 });
    assert_eq!((attempt.answer_head.as_str(), attempt.retry_after_seconds), ("thanks", None));
    assert!(attempt.duration_ms < 10_000);
    let sent = &server.received_requests().await.unwrap()[0];
    assert!(!sent.headers.contains_key("accept-encoding"), "nothing compressed is asked for");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (target, _) = receiver(ResponseTemplate::new(200)).await;
    let (_server, url) = receiver(ResponseTemplate::new(302).insert_header("location", target.uri().as_str())).await;
    assert_eq!(post(&url).await.outcome, Outcome::Answered { status: 302 });
    assert!(target.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_receiver_that_answers_late_is_given_up() {
    let (_server, url) = receiver(ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).await;
    let hasty = WebhookClient::with_limit(Loopback::Allowed, Duration::from_millis(100)).unwrap();
    let attempt = hasty.post(&url, &[], Bytes::new()).await;
    assert_eq!(attempt.outcome, Outcome::Timeout);
    assert!((100..30_000).contains(&attempt.duration_ms), "{}", attempt.duration_ms);
}

#[tokio::test]
async fn an_answer_whose_body_stalls_still_counts() {
    let url = raw_receiver(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", true).await;
    let hasty = WebhookClient::with_limit(Loopback::Allowed, Duration::from_millis(500)).unwrap();
    let attempt = hasty.post(&url, &[], Bytes::new()).await;
    assert_eq!(attempt.outcome, Outcome::Answered { status: 200 });
    assert_eq!(attempt.answer_head, "half");
}

#[tokio::test]
async fn a_huge_answer_is_cut_and_not_awaited() {
    // The head promises a gigabyte; 64 KiB of it come and then nothing more.
    let answer: &'static [u8] = [b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n".to_vec(), vec![b'x'; 65_536]].concat().leak();
    let attempt = post(&raw_receiver(answer, true).await).await;
    assert_eq!(attempt.outcome, Outcome::Answered { status: 200 });
    assert_eq!(attempt.answer_head, "x".repeat(1024));
    assert!(attempt.duration_ms < 9000, "{}", attempt.duration_ms);
}

#[tokio::test]
async fn an_answer_that_is_not_text_or_compressed_is_kept_as_it_came() {
    let bytes: &[u8] = &[0xff, b'a', 0x1f, 0x8b];
    let (_server, url) = receiver(ResponseTemplate::new(200).set_body_bytes(bytes).insert_header("content-encoding", "gzip")).await;
    assert_eq!(post(&url).await.answer_head, "\u{fffd}a\u{1f}\u{fffd}");
}

#[rstest]
#[case("120", Some(120))]
#[case(" 5 ", Some(5))]
#[case("Sun, 06 Nov 1994 08:51:37 GMT", Some(120))]
#[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(0))]
#[case("Sun, 06 Nov 1994 08:49:00 GMT", None)]
#[case("-5", None)]
#[case("soon", None)]
fn retry_after_is_read_as_seconds_or_against_the_answers_own_date(#[case] text: &str, #[case] seconds: Option<u64>) {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, text.parse().unwrap());
    headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
    assert_eq!(retry_after_seconds(&headers), seconds);
    headers.remove(DATE);
    assert_eq!(retry_after_seconds(&headers), seconds.filter(|_| !text.starts_with("Sun")));
}

#[rstest]
#[case("http://127.0.0.1:1/")]
#[case("https://127.0.0.1/")]
#[case("http://[::1]:1/")]
#[case("http://localhost:1/")]
#[tokio::test]
async fn a_client_for_public_receivers_refuses_loopback_itself(#[case] text: &str) {
    let strict = WebhookClient::new(Loopback::Refused).unwrap();
    let attempt = strict.post(&url(text), &[], Bytes::new()).await;
    assert!(matches!(attempt.outcome, Outcome::Refused { address } if address.is_loopback()), "{:?}", attempt.outcome);
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_refused_when_the_connection_is_made() {
    let resolver = PublicAddresses { loopback: Loopback::Refused };
    let answer = resolver.resolve("localhost".parse().unwrap()).await;
    let error = answer.err().unwrap();
    assert!(matches!(error.downcast_ref(), Some(ResolveError::Refused(address)) if address.is_loopback()));

    // The same through the whole client: nothing is sent, and the outcome tells it from a fault of the network.
    let (server, _) = receiver(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    let http = Client::builder().dns_resolver(resolver).no_proxy().build().unwrap();
    let error = http.post(format!("http://localhost:{port}/")).send().await.unwrap_err();
    assert!(matches!(outcome_of(&error), Outcome::Refused { address } if address.is_loopback()));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn faults_of_the_connection_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let no_http = raw_receiver(b"SSH-2.0-OpenSSH_9.6\r\n", false).await;
    let silent = raw_receiver(b"", false).await;
    let no_tls = raw_receiver(b"HTTP/1.1 400 Bad Request\r\n\r\n", false).await;
    let no_tls = no_tls.as_str().replace("http:", "https:");
    for (url, fault) in [
        (url(&format!("http://{closed}/")), ConnectionFault::Connect),
        (no_http, ConnectionFault::Protocol),
        (silent, ConnectionFault::Protocol),
        (url(&no_tls), ConnectionFault::Tls),
        (url("https://no-such-name.invalid/"), ConnectionFault::Dns),
    ] {
        assert_eq!(post(&url).await.outcome, Outcome::Connection(fault), "{url}");
    }
}

#[tokio::test]
async fn no_connection_is_used_twice() {
    let (server, url) = receiver(ResponseTemplate::new(200)).await;
    let client = client();
    for _ in 0..2 {
        let attempt = client.post(&url, &[], Bytes::new()).await;
        assert_eq!(attempt.outcome, Outcome::Answered { status: 200 });
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}
