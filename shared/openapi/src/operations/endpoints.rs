//! Endpoints.

use api::Code::Conflict;
use domain::{
    endpoint::{EndpointStatus, Provider},
    wire,
};

use crate::{
    lists,
    operation::{Operation, operation},
    parameters::{choice, envelope, paging},
    requests::{EndpointChange, EndpointOrder},
};

pub(crate) const TAG: &str = "Endpoints";

pub(crate) fn operations() -> Vec<Operation> {
    let types = ["agent", "direct_sip"].into_iter().chain(Provider::ALL.map(Provider::as_str));
    vec![
        operation("GET", "/endpoints", "list_endpoints", TAG, "List endpoints")
            .says("Without a paging or filter parameter all of them, up to 1,000; with any, 50 unless `limit` says otherwise. Secrets are masked.")
            .query([
                choice("type", types, "Endpoints of this type alone; `agent` is every AI provider."),
                choice("status", EndpointStatus::ALL.map(EndpointStatus::as_str), "Endpoints of this status alone."),
            ])
            .query(paging(None))
            .query([envelope()])
            .lists("The endpoints.", lists::endpoints),
        operation("POST", "/endpoints", "create_endpoint", TAG, "Create an endpoint")
            .says("A webhook's signing secret is made and shown. 404 says that `phone_number_id` names no number of yours.")
            .body::<EndpointOrder>()
            .answers::<wire::Endpoint>(201, "The endpoint.")
            .refuses([api::Code::NotFound, Conflict]),
        operation("GET", "/endpoints/{id}", "get_endpoint", TAG, "Get an endpoint")
            .says("A webhook's signing secret is shown to those who hold `endpoints:write`, and masked for others.")
            .answers::<wire::Endpoint>(200, "The endpoint."),
        operation("PATCH", "/endpoints/{id}", "update_endpoint", TAG, "Change an endpoint")
            .says("`provider_config` is replaced as a whole; the type cannot be changed.")
            .body::<EndpointChange>()
            .answers::<wire::Endpoint>(200, "The endpoint as it is now."),
        operation("DELETE", "/endpoints/{id}", "delete_endpoint", TAG, "Delete an endpoint")
            .says("Its numbers ring nothing from that instant.")
            .answers_nothing(204, "It is gone."),
        operation("POST", "/endpoints/{id}/rotate-secret", "rotate_endpoint_secret", TAG, "Give a webhook endpoint a new secret")
            .says("The secret before keeps signing beside the new one for 24 hours.")
            .answers::<wire::Endpoint>(200, "The endpoint with its new secret."),
    ]
}
