//! One operation: what people have to say of a route. The rest follows from what the route asks of its caller.

use api::{Access, Code};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    Parts,
    parameters::{self, RATE_LIMITS},
    problems,
    schemas::{Schemas, reference},
    security,
};

/// Makes a schema, or the reference to one.
type Schema = fn(&mut Schemas) -> Value;

/// An answer that is no refusal.
struct Answer {
    status: u16,
    description: &'static str,
    content: Vec<(&'static str, Schema)>,
    headers: Vec<&'static str>,
}

/// A route's description.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    query: Vec<Value>,
    body: Option<Schema>,
    answers: Vec<Answer>,
    refuses: Vec<Code>,
    /// How the callers of a route that is open to the gate prove themselves.
    signed_by: &'static [&'static str],
}

/// Begins an operation.
pub(crate) const fn operation(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Operation {
    Operation {
        method,
        path,
        id,
        tag,
        summary,
        description: "",
        query: Vec::new(),
        body: None,
        answers: Vec::new(),
        refuses: Vec::new(),
        signed_by: &[],
    }
}

impl Operation {
    pub(crate) fn place(&self) -> (String, String) {
        (self.method.to_owned(), self.path.to_owned())
    }

    pub(crate) fn says(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// Takes these parameters in its query.
    pub(crate) fn query(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Takes a JSON body.
    pub(crate) fn body<T: ToSchema>(self) -> Self {
        Self { body: Some(Schemas::request::<T>), ..self }
    }

    /// Answers with JSON.
    pub(crate) fn answers<T: ToSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers_as(status, description, "application/json", Schemas::answer::<T>)
    }

    /// Answers with nothing.
    pub(crate) fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.answers.push(Answer { status, description, content: Vec::new(), headers: Vec::new() });
        self
    }

    /// Answers with a list, and says in headers how many there are and where the next ones are.
    pub(crate) fn lists(mut self, description: &'static str, schema: Schema) -> Self {
        let headers = vec!["X-Total-Count", "Link"];
        self.answers.push(Answer { status: 200, description, content: vec![("application/json", schema)], headers });
        self
    }

    /// Answers with a page of a list that goes on by cursor alone.
    pub(crate) fn walks(mut self, description: &'static str, schema: Schema) -> Self {
        self.answers.push(Answer { status: 200, description, content: vec![("application/json", schema)], headers: vec!["Link"] });
        self
    }

    /// Says the version of what it answers with, and that it may be asked for by it.
    pub(crate) fn versioned(mut self) -> Self {
        self.answers.iter_mut().for_each(|answer| answer.headers.push("ETag"));
        self
    }

    /// Answers with something of another type.
    pub(crate) fn answers_as(mut self, status: u16, description: &'static str, content_type: &'static str, schema: Schema) -> Self {
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.content.push((content_type, schema)),
            None => self.answers.push(Answer { status, description, content: vec![(content_type, schema)], headers: Vec::new() }),
        }
        self
    }

    /// Knows these refusals beside those that follow from its declaration.
    pub(crate) fn refuses(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.refuses.extend(codes);
        self
    }

    /// Is open to the gate, and yet asks for one of these signatures.
    pub(crate) fn signed_by(self, schemes: &'static [&'static str]) -> Self {
        Self { signed_by: schemes, ..self }
    }

    fn is_telephony(&self) -> bool {
        self.path.starts_with("/telephony/")
    }

    fn is_kept(&self, access: Access) -> bool {
        self.method != "GET" && !matches!(access, Access::Open | Access::Identity)
    }

    /// Whether a limit holds for who is answered. It holds for no carrier, and for none of the operator's own keys.
    fn is_counted(&self, access: Access) -> bool {
        self.signed_by.is_empty() && access != Access::Operator
    }

    /// The operation as it stands in the document.
    pub(crate) fn described(&self, access: Access, parts: &mut Parts) -> Value {
        let mut told = Map::from_iter([
            ("operationId".to_owned(), json!(self.id)),
            ("tags".to_owned(), json!([self.tag])),
            ("summary".to_owned(), json!(self.summary)),
            ("description".to_owned(), json!(self.text(access))),
            ("security".to_owned(), security::of(access, self.signed_by)),
            ("responses".to_owned(), self.responses(access, parts)),
        ]);
        let parameters = self.parameters(access);
        if !parameters.is_empty() {
            told.insert("parameters".to_owned(), json!(parameters));
        }
        if let Some(body) = self.body {
            let schema = body(&mut parts.schemas);
            told.insert("requestBody".to_owned(), json!({"required": true, "content": {"application/json": {"schema": schema}}}));
        }
        json!(told)
    }

    fn text(&self, access: Access) -> String {
        let asks = match access {
            Access::Scope(scope) => format!("Asks for the scope `{scope}`."),
            Access::AnyCaller | Access::Identity => "Open to every caller with credentials.".to_owned(),
            Access::Operator => "For the operator's own keys alone.".to_owned(),
            Access::Open => return self.description.to_owned(),
        };
        if self.description.is_empty() { asks } else { format!("{}\n\n{asks}", self.description) }
    }

    fn parameters(&self, access: Access) -> Vec<Value> {
        let mut all = parameters::in_path(self.path);
        all.extend(self.query.iter().cloned());
        if matches!(access, Access::Scope(_) | Access::AnyCaller) {
            all.push(reference("parameters", if self.is_telephony() { "AccountId" } else { "OrganizationId" }));
            all.push(reference("parameters", "Mode"));
        }
        if self.is_kept(access) {
            all.push(reference("parameters", "IdempotencyKey"));
        }
        all.push(reference("parameters", "RequestId"));
        all
    }

    fn responses(&self, access: Access, parts: &mut Parts) -> Value {
        let mut responses = Map::new();
        for answer in &self.answers {
            let mut headers = answer.headers.clone();
            headers.push("X-Request-Id");
            if self.is_counted(access) {
                headers.extend(RATE_LIMITS);
            }
            if self.is_kept(access) {
                headers.push("Idempotent-Replayed");
            }
            let headers: Map<String, Value> =
                headers.into_iter().map(|name| (name.to_ascii_lowercase(), reference("headers", name))).collect();
            let mut told = json!({"description": answer.description, "headers": headers});
            for (content_type, schema) in &answer.content {
                told["content"][content_type] = json!({"schema": schema(&mut parts.schemas)});
            }
            responses.insert(answer.status.to_string(), told);
        }
        let style = if self.is_telephony() { problems::Style::Telephony } else { problems::Style::Json };
        for (status, refusal) in parts.problems.responses(&self.codes(access), style) {
            responses.insert(status.to_string(), refusal);
        }
        json!(responses)
    }

    /// Everything with which the route may refuse a request.
    fn codes(&self, access: Access) -> Vec<Code> {
        let mut codes = self.refuses.clone();
        if access != Access::Open {
            codes.extend([Code::ValidationError, Code::Unauthorized, Code::KeyExpired, Code::KeyRevoked, Code::Forbidden]);
            codes.extend([Code::IpNotAllowed, Code::RateLimitExceeded, Code::InternalError, Code::ServiceUnavailable]);
            codes.extend([Code::EncryptionUnavailable, Code::PayloadTooLarge]);
        }
        if matches!(access, Access::Scope(_)) {
            codes.push(Code::InsufficientScope);
        }
        if self.is_telephony() {
            // A user who does not say for which organization.
            codes.push(Code::MissingFields);
        }
        if self.path.contains("{id}") {
            codes.push(Code::NotFound);
        }
        if self.body.is_some() {
            codes.extend([Code::MissingFields, Code::UnsupportedMediaType]);
        }
        if self.is_kept(access) {
            codes.extend([Code::IdempotencyInProgress, Code::IdempotencyKeyReused]);
        }
        codes
    }
}
