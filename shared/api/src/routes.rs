//! The routes of a function, each declared once: method, path, what it asks of its caller, handler.
//!
//! What is declared is what is served and what is checked: the gate stands before each handler, so that none can forget
//! to ask, and tests read the same declarations.

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    middleware::{self, Next},
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use domain::scope::Scope;
use http::Method;

use crate::{Gate, Idempotency, Problem, idempotency};

/// What a route asks of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: the handler gets no [`Caller`](crate::Caller), and no idempotency key is heeded.
    Open,
    /// Credentials that may be used now, whatever they may do.
    AnyCaller,
    /// The same of a caller who acts for no organization yet: the handler gets an [`Identity`](crate::Identity) and no
    /// [`Caller`](crate::Caller), and no idempotency key is heeded.
    Identity,
    /// Credentials that hold this scope.
    Scope(Scope),
    /// A key of the operator, who is no organization.
    Operator,
}

impl From<Scope> for Access {
    fn from(scope: Scope) -> Self {
        Self::Scope(scope)
    }
}

/// A route as it was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below `/v1`, ids in braces: `/endpoints/{id}`.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
}

/// The routes of a function whose handlers work with a state `S`.
#[derive(Debug)]
pub struct Routes<S> {
    declared: Vec<(Route, MethodRouter<S>)>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No route yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { declared: Vec::new() }
    }

    /// Declares a route that reads.
    #[must_use]
    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: impl Into<Access>, handler: H) -> Self {
        self.on(Method::GET, path, access.into(), on(MethodFilter::GET, handler))
    }

    /// Declares a route that creates or starts something.
    #[must_use]
    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: impl Into<Access>, handler: H) -> Self {
        self.on(Method::POST, path, access.into(), on(MethodFilter::POST, handler))
    }

    /// Declares a route that changes something.
    #[must_use]
    pub fn patch<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: impl Into<Access>, handler: H) -> Self {
        self.on(Method::PATCH, path, access.into(), on(MethodFilter::PATCH, handler))
    }

    /// Declares a route that removes something.
    #[must_use]
    pub fn delete<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: impl Into<Access>, handler: H) -> Self {
        self.on(Method::DELETE, path, access.into(), on(MethodFilter::DELETE, handler))
    }

    /// What was declared, in its order.
    pub fn declared(&self) -> impl Iterator<Item = &Route> {
        self.declared.iter().map(|(route, _)| route)
    }

    fn on(mut self, method: Method, path: &'static str, access: Access, served: MethodRouter<S>) -> Self {
        self.declared.push((Route { method, path, access }, served));
        self
    }

    /// The router: before each handler the gate, and behind the gate what keeps requests with an idempotency key. Who is
    /// refused leaves nothing behind.
    pub(crate) fn guarded(self, gate: &Gate, kept: Option<&Idempotency>) -> Router<S> {
        self.declared.into_iter().fold(Router::new(), |router, (Route { path, access, .. }, mut served)| {
            if access != Access::Open {
                if let Some(kept) = kept.filter(|_| access != Access::Identity) {
                    served = served.route_layer(middleware::from_fn_with_state(kept.clone(), idempotency::once));
                }
                served = served.route_layer(middleware::from_fn_with_state((gate.clone(), access), pass));
            }
            // A slash at the end changes nothing.
            router.route(path, served.clone()).route(&format!("{path}/"), served)
        })
    }
}

/// The gate before one route: hands on whom it knows and who may, and tells the handler who it is.
async fn pass(State((gate, access)): State<(Gate, Access)>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    if access == Access::Identity {
        let identity = gate.identify(&parts).await?;
        parts.extensions.insert(identity);
    } else {
        let caller = gate.admit(&parts).await?;
        match access {
            Access::Scope(scope) => caller.require(scope)?,
            Access::Operator => caller.require_operator()?,
            Access::Open | Access::Identity | Access::AnyCaller => {}
        }
        parts.extensions.insert(caller);
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}
