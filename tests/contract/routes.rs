//! Declared routes: what is declared is served, and nothing else; the gate stands before every handler.

use api::{Access, Caller, Gate, Identity, Routes};
use axum::{Router, body::Body};
use domain::{Mode, scope::Scope};
use http::{Method, Request};
use runtime::Clock;
use testkit::{Fixture, LocalTable, fixture};
use tower::ServiceExt as _;

/// A function whose only state is its gate. The handlers ask for nothing by themselves.
fn routes() -> Routes<Gate> {
    Routes::new()
        .get("/open", Access::Open, async || "open")
        .get("/forgetful", Access::Open, async |caller: Caller| format!("{:?}", caller.tenant))
        .get("/who", Access::Identity, async |identity: Identity| format!("{identity:?}"))
        .get("/nobody", Access::Identity, async |caller: Caller| format!("{:?}", caller.tenant))
        .get("/any", Access::AnyCaller, async |caller: Caller| format!("{:?}", caller.tenant))
        .post("/any", Scope::CallsWrite, async || "written")
        .get("/any/{id}", Scope::CallsRead, async || "read")
}

async fn told(app: &Router, method: Method, path: &str, key: Option<&str>) -> (u16, Option<String>) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let allow = response.headers().get("allow").map(|allow| allow.to_str().unwrap().to_owned());
    (response.status().as_u16(), allow)
}

#[tokio::test]
async fn a_route_is_answered_as_it_was_declared_under_both_prefixes() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let reader = fixture::key(&local.table, tenant, [Scope::CallsRead].into()).await;
    let (app, key) = (api::app(routes(), Gate::new(local.table.clone(), Clock::System), None), Some(reader.reveal()));
    for prefix in ["/v1", "/api/v1"] {
        let ask = async |method, path: &str, key| told(&app, method, &format!("{prefix}{path}"), key).await.0;
        assert_eq!(ask(Method::GET, "/open", None).await, 200);
        assert_eq!(ask(Method::GET, "/any", None).await, 401);
        assert_eq!(ask(Method::HEAD, "/any", None).await, 401, "whoever may read may ask for the head");
        assert_eq!(ask(Method::GET, "/any", key).await, 200);
        assert_eq!(ask(Method::GET, "/who", None).await, 401);
        assert_eq!(ask(Method::GET, "/who", key).await, 200);
        assert_eq!(ask(Method::GET, "/nobody", key).await, 500, "who acts for no organization yet is no caller");
        assert_eq!(ask(Method::POST, "/any", key).await, 403, "though the handler asks nobody");
        assert_eq!(ask(Method::POST, "/any", None).await, 401);
        assert_eq!(ask(Method::GET, "/any/1", key).await, 200);
        assert_eq!((ask(Method::GET, "/any/1/", key).await, ask(Method::GET, "/any/", None).await), (200, 401), "a slash changes nothing");
        assert_eq!(ask(Method::GET, "/nothing", None).await, 404);
        assert_eq!(ask(Method::GET, "/forgetful", key).await, 500, "nobody vouches for a caller of an open route");
    }
}

#[tokio::test]
async fn a_method_that_was_not_declared_is_405_with_those_that_were_before_anybody_is_asked() {
    let local = LocalTable::start().await;
    let app = api::app(routes(), Gate::new(local.table.clone(), Clock::System), None);
    let (status, allow) = told(&app, Method::DELETE, "/v1/any", None).await;
    let allow = allow.unwrap();
    let mut allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!((status, allowed.as_slice()), (405, &["GET", "HEAD", "POST"][..]));
    assert_eq!(local.table.usage().requests, 0);
}

#[test]
fn what_was_declared_can_be_listed() {
    let routes = routes();
    let listed: Vec<_> = routes.declared().map(|route| (route.method.as_str(), route.path, route.access)).collect();
    assert_eq!(listed.len(), 7);
    assert_eq!(listed[5], ("POST", "/any", Access::Scope(Scope::CallsWrite)));
}
