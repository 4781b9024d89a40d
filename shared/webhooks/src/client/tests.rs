//! The client against receivers that answer, stall, lie and are not there: all on loopback.

use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, header, method, path},
};

use super::{answer::retry_after_seconds, *};
use crate::guard::Loopback;

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
    assert_eq!((attempt.answer_head.as_str(), attempt.in_time, attempt.retry_after_seconds), ("thanks", true, None));
    assert!(attempt.duration_ms < 10_000);
    let sent = &server.received_requests().await.unwrap()[0];
    assert!(!sent.headers.contains_key("accept-encoding"), "nothing compressed is asked for");
}

#[rstest]
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed(#[values(301, 302, 303, 307, 308)] status: u16) {
    let (target, _) = receiver(ResponseTemplate::new(200)).await;
    let (_server, url) = receiver(ResponseTemplate::new(status).insert_header("location", target.uri().as_str())).await;
    assert_eq!(post(&url).await.outcome, Outcome::Answered { status });
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
    assert_eq!((attempt.answer_head.as_str(), attempt.in_time), ("half", false));
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

/// What an exchange with a receiver comes to that sends a head and then the same again and again, and how many bytes of it were
/// taken before nobody read any more.
async fn flooded(head: &[u8], flood: &[u8]) -> (Answer, usize) {
    // What was written is what was read, but for what the pipe holds.
    let (ours, mut theirs) = tokio::io::duplex(1);
    let request = Request::post("/hook").header(HOST, "receiver").body(Full::new(Bytes::from_static(b"{}"))).unwrap();
    let exchange = exchange(Box::new(ours), request, Instant::now() + Duration::from_secs(5));
    let receiver = async {
        let mut read = Vec::new();
        while !read.ends_with(b"{}") {
            theirs.read_buf(&mut read).await.unwrap();
        }
        let mut taken = 0;
        for byte in head.iter().chain(flood.iter().cycle()) {
            if theirs.write_all(&[*byte]).await.is_err() {
                break;
            }
            taken += 1;
        }
        taken
    };
    tokio::join!(exchange, receiver)
}

/// The beginning of a gzip stream of ten megabytes of nothing: a thousand times as long when it is unpacked.
const BOMB: [u8; 16] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xec, 0xc1, 1, 1, 0, 0];

#[tokio::test]
async fn sixteen_kilobytes_of_an_answer_are_taken_and_not_a_byte_more() {
    let ok: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    let long: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    let packed: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n";
    let endless: &[u8] = b"HTTP/1.1 200 OK\r\nx: ";
    let (answered, broken) = (Outcome::Answered { status: 200 }, Outcome::Connection(ConnectionFault::Protocol));
    for (head, flood, outcome) in
        [(ok, &b"x"[..], &answered), (long, b"x", &answered), (packed, &BOMB, &answered), (endless, b"x", &broken)]
    {
        let (answer, taken) = flooded(head, flood).await;
        assert!((MAX_ANSWER_BYTES..=MAX_ANSWER_BYTES + 1).contains(&taken), "{taken}");
        assert_eq!(&answer.outcome, outcome);
        let kept = String::from_utf8_lossy(&flood.repeat(ANSWER_HEAD_BYTES)[..ANSWER_HEAD_BYTES]).into_owned();
        assert_eq!(answer.head, if *outcome == answered { kept } else { String::new() }, "as it came");
    }
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

/// Takes the request and writes the beginning, then this byte again and again, for ever.
async fn dripping_receiver(beginning: &'static [u8], byte: u8) -> WebhookUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        let mut going = socket.write_all(beginning).await;
        while going.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            going = socket.write_all(&[byte]).await;
        }
    });
    url(&format!("http://{address}/hook"))
}

#[rstest]
#[case::in_the_body(b"HTTP/1.1 200 OK\r\n\r\n", b'x', Outcome::Answered { status: 200 })]
#[case::in_the_head(b"HTTP/1.1 200 OK\r\nx-slow: ", b'x', Outcome::Timeout)]
#[case::before_the_head(b"", b'\n', Outcome::Timeout)]
#[tokio::test]
async fn a_receiver_that_drips_is_given_up_in_time(#[case] beginning: &'static [u8], #[case] byte: u8, #[case] outcome: Outcome) {
    let hasty = WebhookClient::with_limit(Loopback::Allowed, Duration::from_millis(500)).unwrap();
    let attempt = hasty.post(&dripping_receiver(beginning, byte).await, &[], Bytes::new()).await;
    assert_eq!(attempt.outcome, outcome);
    assert!((500..5_000).contains(&attempt.duration_ms), "{}", attempt.duration_ms);
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_its_end() {
    let answer: &'static [u8] = [b"HTTP/1.1 200 OK\r\nx-long: ".to_vec(), vec![b'x'; 1_000_000]].concat().leak();
    let attempt = post(&raw_receiver(answer, true).await).await;
    assert_eq!(attempt.outcome, Outcome::Connection(ConnectionFault::Protocol));
}

/// Set for the child process of the test below: where the receiver is.
const RECEIVER_OF_CHILD: &str = "RECEIVER_OF_CHILD";

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the environment is what is tested")]
async fn a_proxy_that_the_environment_names_is_not_asked() {
    if let Ok(text) = std::env::var(RECEIVER_OF_CHILD) {
        assert_eq!(post(&url(&text)).await.outcome, Outcome::Answered { status: 200 });
        return;
    }
    let (server, url) = receiver(ResponseTemplate::new(200)).await;
    let (proxy, _) = receiver(ResponseTemplate::new(502)).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "client::tests::a_proxy_that_the_environment_names_is_not_asked"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, proxy.uri());
    }
    let output = child.env(RECEIVER_OF_CHILD, url.as_str()).env_remove("NO_PROXY").env_remove("no_proxy").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    assert!(proxy.received_requests().await.unwrap().is_empty());
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
