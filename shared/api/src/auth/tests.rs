use http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

use super::*;

#[test]
fn the_address_is_the_gateways_word_and_never_a_headers() {
    let parts = |source_ip: Option<&str>| {
        let headers = ["x-forwarded-for", "forwarded", "x-real-ip"];
        let request = headers.into_iter().fold(Request::builder(), |request, name| request.header(name, "203.0.113.7"));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = source_ip.map(str::to_owned);
        parts.extensions.insert(RequestContext::ApiGatewayV2(context));
        parts.extensions
    };
    assert_eq!(source(&parts(Some("198.51.100.1"))), Some("198.51.100.1".parse().unwrap()));
    for unknown in [None, Some(""), Some("203.0.113.7, 198.51.100.1")] {
        assert_eq!(source(&parts(unknown)), None, "{unknown:?}");
    }
}
