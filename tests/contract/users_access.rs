//! What each role may do, over the real routers: every route that is declared, every role; and which secrets it sees.

use api::{Access, Route};
use domain::{member::Role, scope::Scope};
use http::{Method, request::Builder};
use serde_json::{Value, json};
use testkit::{fixture, tokens};

use crate::{
    every_route::{EveryRoute, anonymous},
    route_samples::Sample,
};

/// A request of a user, who names the organization.
fn as_user(bench: &EveryRoute, token: &str, method: &Method, path: &str) -> Builder {
    let request = anonymous(method, path).header("authorization", format!("Bearer {token}"));
    request.header("x-account-id", bench.own.tenant.org().to_string())
}

async fn token(bench: &EveryRoute, role: Role) -> String {
    tokens::good(fixture::member(&bench.local.table, bench.own.tenant.org(), role).await)
}

async fn asked(bench: &EveryRoute, token: &str, route: &Route, sample: &Sample) -> (u16, Value) {
    bench.send(as_user(bench, token, &route.method, &sample.path(&bench.own)), sample.body_of(&bench.own)).await
}

#[tokio::test]
async fn members_read_every_route_and_write_none() {
    let bench = EveryRoute::start().await;
    let token = token(&bench, Role::Member).await;
    let before = bench.stored().await;
    for (route, sample) in bench.samples() {
        let (status, answer) = asked(&bench, &token, route, sample).await;
        // Asking why a call goes where it goes reads; who did what is the owners' and admins' to know.
        let reads = (route.method == Method::GET && route.path != "/audit") || route.path == "/route/explain";
        if reads {
            assert_eq!(status, 200, "{}: {answer}", sample.shown());
        } else if route.access == Access::Operator {
            assert_eq!((status, &answer["code"]), (403, &json!("FORBIDDEN")), "{}", sample.shown());
        } else {
            // The telephony routes tell it in words of their own.
            let refused = answer["code"] == "INSUFFICIENT_SCOPE";
            assert!(status == 403 && refused, "{}: {answer}", sample.shown());
            let told = answer["error"].as_str().unwrap();
            assert!(told == "Forbidden" || told.contains("the role member"), "{answer}");
        }
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn owners_and_admins_are_refused_nowhere_for_what_they_are() {
    for role in [Role::Owner, Role::Admin] {
        let bench = EveryRoute::start().await;
        let token = token(&bench, role).await;
        for (route, sample) in bench.samples() {
            let (status, answer) = asked(&bench, &token, route, sample).await;
            // In test data alone calls are simulated, whoever asks; the operator's route is nobody else's.
            let others = sample.shown() == "POST /test/calls" || route.access == Access::Operator;
            let refused = others && answer["code"] == "FORBIDDEN";
            assert!(refused || !matches!(status, 401 | 403 | 500..), "{role} {}: {status} {answer}", sample.shown());
        }
    }
}

#[tokio::test]
async fn a_user_who_is_no_member_is_refused_by_every_route_but_the_list_of_organizations() {
    let bench = EveryRoute::start().await;
    let token = tokens::good(fixture::user());
    let before = bench.stored().await;
    for (route, sample) in bench.samples() {
        let (status, answer) = asked(&bench, &token, route, sample).await;
        if route.access == Access::Identity {
            assert_eq!((status, answer), (200, json!([])));
        } else {
            assert_eq!((status, &answer["code"]), (403, &json!("FORBIDDEN")), "{}", sample.shown());
        }
    }
    assert_eq!(bench.stored().await, before, "nothing was written");
}

#[tokio::test]
async fn a_secret_is_shown_to_owners_and_admins_and_masked_for_members() {
    let bench = EveryRoute::start().await;
    let owner = token(&bench, Role::Owner).await;
    let order = json!({"inventory_id": fixture::slot(2).address().id()}).to_string();
    let (_, bought) = bench.send(as_user(&bench, &owner, &Method::POST, "/v1/phone-numbers"), order).await;
    let number = bought["id"].as_str().unwrap();
    for (role, shown) in [(Role::Owner, true), (Role::Admin, true), (Role::Member, false)] {
        let token = token(&bench, role).await;
        let get = async |path: String| {
            let (status, answer) = bench.send(as_user(&bench, &token, &Method::GET, &path), "").await;
            assert_eq!(status, 200, "{answer}");
            answer
        };
        let credentials = get(format!("/v1/phone-numbers/{number}")).await["sip_credentials"].clone();
        assert_eq!((credentials["password"].is_string(), credentials["username"].is_string()), (shown, true), "{role}");
        for path in [format!("/v1/endpoints/{}", bench.own.endpoint), format!("/v1/webhooks/{}", bench.own.webhook)] {
            let secret = get(path.clone()).await["secret"].clone();
            assert_eq!(secret != domain::wire::MASKED_SECRET && secret.is_string(), shown, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn a_user_mints_keys_that_may_do_what_the_role_may() {
    let bench = EveryRoute::start().await;
    let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let body = json!({"name": "K", "scopes": all}).to_string();
    for (role, status) in [(Role::Owner, 201), (Role::Admin, 201), (Role::Member, 403)] {
        let token = token(&bench, role).await;
        let (got, answer) = bench.send(as_user(&bench, &token, &Method::POST, "/v1/api-keys"), body.clone()).await;
        assert_eq!(got, status, "{role}: {answer}");
        if status == 201 {
            assert_eq!((&answer["mode"], &answer["organization_id"]), (&json!("live"), &json!(bench.own.tenant.org())));
        }
    }
}
