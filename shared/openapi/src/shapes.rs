//! Shapes that are written or read by hand elsewhere: `api` renders a problem, `domain::route` reads an endpoint's answer.

use utoipa::ToSchema;

/// Why a request was refused.
#[derive(ToSchema)]
pub struct Problem {
    /// The refusal in words, for people.
    pub error: String,
    /// The refusal for programs.
    pub code: String,
    /// More of it, where there is more to say.
    pub details: ProblemDetails,
    /// The request's id: quote it when you ask for help.
    pub request_id: String,
}

/// What more there is to say of a refusal.
#[derive(ToSchema)]
pub struct ProblemDetails {
    /// Every fault of the request, at most 100. There for `VALIDATION_ERROR` and `MISSING_FIELDS` alone.
    pub errors: Option<Vec<Fault>>,
}

/// One fault of a request.
#[derive(ToSchema)]
pub struct Fault {
    /// The field, parameter or header.
    pub field: String,
    /// What is wrong with it, and what is allowed.
    pub problem: String,
}

/// What a webhook endpoint answers when it is asked where a call goes. Nothing, or an object without `action`, means busy.
#[derive(ToSchema)]
pub struct RouteAnswer {
    /// `dial` or `reject`.
    pub action: Option<String>,
    /// With `dial`: the SIP address to dial. Not together with `number`.
    pub sip_uri: Option<String>,
    /// With `dial`: the number to dial.
    pub number: Option<String>,
    /// With `reject`: why. `busy` has the caller hear a busy line.
    pub reason: Option<String>,
}
