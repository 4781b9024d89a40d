//! In which style a request's problem is told: JSON, or the one-line texts of the telephony routes.
//!
//! The path tells the family, so a refusal that happens before any handler is told in the right style too.

use http::{HeaderMap, Request, header::ACCEPT};

/// How a faulty request to `/telephony/providers` is told.
const FAULTY_PROVIDER: &str = "Invalid body or missing field";

/// How a faulty request to `/telephony/numbers` is told.
const FAULTY_NUMBER: &str = "Invalid body or duplicate number";

/// The style of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// A JSON object with a code.
    #[default]
    Json,
    /// A fixed text per case.
    Telephony {
        /// The text for a faulty request; what is wrong comes after it.
        faulty: &'static str,
        /// Whether the text is all, or stands in a JSON object because the client asked for JSON and nothing else.
        plain: bool,
    },
}

impl Style {
    /// The style of a request, by its whole path.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let path = request.uri().path();
        let path = path.strip_prefix("/api").unwrap_or(path);
        let Some(below) = path.strip_prefix("/v1/telephony/") else { return Self::Json };
        let faulty = if below.starts_with("numbers") { FAULTY_NUMBER } else { FAULTY_PROVIDER };
        Self::Telephony { faulty, plain: !wants_only_json(request.headers()) }
    }
}

/// Whether `Accept` names JSON and nothing that takes a text.
fn wants_only_json(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(','));
    let named: Vec<String> = ranges.map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()).collect();
    let names = |range: &str| named.iter().any(|named| named == range);
    names("application/json") && !["text/plain", "text/*", "*/*"].into_iter().any(names)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn style(path: &str, accept: Option<&str>) -> Style {
        let mut request = Request::builder().uri(path);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        Style::of(&request.body(()).unwrap())
    }

    #[rstest]
    #[case("/v1/endpoints")]
    #[case("/api/v1/phone-numbers/telephony")]
    #[case("/v1/telephony")]
    #[case("/telephony/numbers")]
    fn other_routes_are_told_in_json(#[case] path: &str) {
        assert_eq!(style(path, Some("text/plain")), Style::Json);
    }

    #[rstest]
    #[case("/v1/telephony/providers", FAULTY_PROVIDER)]
    #[case("/api/v1/telephony/providers/x/y", FAULTY_PROVIDER)]
    #[case("/api/v1/telephony/numbers", FAULTY_NUMBER)]
    #[case("/v1/telephony/numbers/x", FAULTY_NUMBER)]
    fn each_telephony_family_has_its_text(#[case] path: &str, #[case] faulty: &'static str) {
        assert_eq!(style(path, None), Style::Telephony { faulty, plain: true });
    }

    #[rstest]
    #[case("application/json", false)]
    #[case("Application/JSON; charset=utf-8, application/xml", false)]
    #[case("application/json, text/plain", true)]
    #[case("application/json, text/*;q=0.1", true)]
    #[case("application/json, */*", true)]
    #[case("*/*", true)]
    #[case("application/problem+json", true)]
    #[case("", true)]
    fn json_must_be_asked_for_and_nothing_else(#[case] accept: &str, #[case] plain: bool) {
        assert_eq!(style("/v1/telephony/numbers", Some(accept)), Style::Telephony { faulty: FAULTY_NUMBER, plain });
    }
}
