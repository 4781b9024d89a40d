//! The stack's plain address. The emulator tells HTTP APIs apart by names that do not resolve
//! everywhere, so requests come here and go on under the right name. Nothing else is changed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::emulator::Emulator;

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// Headers that belong to one connection and not to the request (RFC 9110, 7.6.1), and `Expect`,
/// which the server side has answered already.
const OF_THE_CONNECTION: [&str; 8] =
    ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "transfer-encoding", "upgrade"];
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// After a failed accept, which usually means too many open files.
const BREATHER: Duration = Duration::from_millis(50);

/// The listening address; dropping it closes it.
pub(crate) struct Gateway {
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Target {
    authority: String,
    api_host: HeaderValue,
    client: Client<HttpConnector, Incoming>,
}

/// A free loopback port, taken before there is anything behind it.
pub(crate) struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

impl Door {
    /// Takes a port.
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on 127.0.0.1")?;
        let address = listener.local_addr().context("a port without a number")?;
        Ok(Self { listener, address })
    }

    /// What users will write before a path.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Gateway {
    /// Answers at the door.
    pub(crate) fn start(door: Door, emulator: &Emulator, api_host: &str) -> Result<Self> {
        Self::listen(door, emulator.authority(), api_host)
    }

    fn listen(door: Door, authority: &str, api_host: &str) -> Result<Self> {
        let Door { listener, address } = door;
        let target = Target {
            authority: authority.to_owned(),
            api_host: HeaderValue::from_str(api_host).context("the API has no usable name")?,
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        let task = tokio::spawn(serve(listener, Arc::new(target)));
        Ok(Self { address, task })
    }

    /// What users write before a path.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until it ends, which it never should.
    pub(crate) async fn failure(&mut self) -> anyhow::Error {
        let end = (&mut self.task).await;
        anyhow!("the gateway ended by itself: {end:?}")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, target: Arc<Target>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&target)));
            }
            Err(_) => sleep(BREATHER).await,
        }
    }
}

async fn converse(stream: TcpStream, target: Arc<Target>) {
    let answer = service_fn(move |request| {
        let target = Arc::clone(&target);
        async move { Ok::<_, Infallible>(pass_on(request, &target).await) }
    });
    // A client that goes away in the middle is its own affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

async fn pass_on(request: Request<Incoming>, target: &Target) -> Answer {
    let request = match readdressed(request, target) {
        Ok(request) => request,
        Err(error) => return bad_gateway(&error.to_string()),
    };
    match target.client.request(request).await {
        Ok(mut answer) => {
            remove_connection_headers(answer.headers_mut());
            answer.map(BodyExt::boxed)
        }
        Err(error) => bad_gateway(&format!("the local cloud does not answer: {error}")),
    }
}

fn readdressed<B>(mut request: Request<B>, target: &Target) -> Result<Request<B>> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority(target.authority.as_str())
        .path_and_query(path)
        .build()
        .context("the path cannot be passed on")?;
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    remove_connection_headers(headers);
    headers.remove(EXPECT);
    // The gateway of AWS sets it; what a client sends under this name reaches no function.
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(host) = headers.insert(HOST, target.api_host.clone()) {
        headers.insert(X_FORWARDED_HOST, host);
    }
    Ok(request)
}

fn remove_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}

fn bad_gateway(reason: &str) -> Answer {
    let body = serde_json::json!({"error": "BAD_GATEWAY", "message": reason}).to_string();
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let mut answer = Response::new(BoxBody::new(body));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;

    fn target() -> Target {
        Target {
            authority: "127.0.0.1:9".to_owned(),
            api_host: HeaderValue::from_static("a1.execute-api.localhost"),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    #[test]
    fn a_request_goes_on_under_the_apis_name() {
        let request = Request::get("/calls?limit=2&limit=3")
            .header(HOST, "127.0.0.1:8080")
            .header("connection", "close, x-mine")
            .header("x-mine", "1")
            .header("x-api-key", "k")
            .body(())
            .unwrap();
        let request = readdressed(request, &target()).unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:9/calls?limit=2&limit=3");
        let headers = request.headers();
        assert_eq!(headers.get(HOST).unwrap(), "a1.execute-api.localhost");
        assert_eq!(headers.get(X_FORWARDED_HOST).unwrap(), "127.0.0.1:8080");
        assert_eq!(headers.get("x-api-key").unwrap(), "k");
        assert!(headers.get("connection").is_none() && headers.get("x-mine").is_none());
    }

    #[tokio::test]
    async fn without_the_emulator_the_answer_is_502_in_json() {
        let port = super::super::free_port().await.unwrap();
        let gateway = Gateway::listen(Door::open().await.unwrap(), &format!("127.0.0.1:{port}"), "a1").unwrap();
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let url = format!("{}/calls", gateway.base_url()).parse().unwrap();
        let answer = client.get(url).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(answer.headers().get(CONTENT_TYPE).unwrap(), "application/json");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], "BAD_GATEWAY");
    }
}
