//! Carrier credentials and carrier numbers.

use api::Code::{Conflict, NotFound};
use domain::wire;
use serde_json::json;

use crate::{
    lists,
    operation::{Operation, operation},
    parameters::{filter, paging},
    requests::{CarrierCredentialChange, CarrierCredentialOrder, CarrierNumberOrder, CarrierNumberPin},
};

pub(crate) const TAG: &str = "Telephony";

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = credentials();
    all.extend(numbers());
    all
}

fn credentials() -> Vec<Operation> {
    vec![
        operation("GET", "/telephony/providers", "list_providers", TAG, "List carrier credentials")
            .says("Nothing of a token is shown, ever.")
            .query(paging(None))
            .lists("The credentials.", lists::carrier_credentials),
        operation("POST", "/telephony/providers", "create_provider", TAG, "Add a carrier credential")
            .says("The token is sealed. The answer shows, this once, the addresses to which the carrier has to send its callbacks.")
            .body::<CarrierCredentialOrder>()
            .answers::<wire::CreatedCredential>(201, "The credential; strings alone."),
        operation("PATCH", "/telephony/providers/{id}", "update_provider", TAG, "Change a carrier credential")
            .says("A new token for the same account, a new label, or both. The token before keeps verifying callbacks for 24 hours.")
            .body::<CarrierCredentialChange>()
            .answers::<wire::CarrierCredential>(200, "The credential as it is now."),
        operation("DELETE", "/telephony/providers/{id}", "delete_provider", TAG, "Delete a carrier credential")
            .says("Refused while a number hangs on it.")
            .answers_nothing(204, "It is gone.")
            .refuses([Conflict]),
        operation(
            "POST",
            "/telephony/providers/{id}/rotate-callbacks",
            "rotate_callbacks",
            TAG,
            "Give a credential new callback addresses",
        )
        .says("The ones before end at once.")
        .answers::<wire::RotatedCallbacks>(200, "The new addresses, shown this once."),
    ]
}

fn numbers() -> Vec<Operation> {
    vec![
        operation("GET", "/telephony/numbers", "list_carrier_numbers", TAG, "List carrier numbers")
            .says("The numbers of the organization's own carriers. Bought ones are not among them.")
            .query([filter("agent_id", json!({"type": "string"}), "Numbers that are pinned to this agent alone; empty for any.")])
            .query(paging(None))
            .lists("The numbers.", lists::carrier_numbers),
        operation("POST", "/telephony/numbers", "register_number", TAG, "Register a carrier number")
            .says("A number that is registered already is 400, as is a credential that is not yours or of another carrier.")
            .body::<CarrierNumberOrder>()
            .answers::<wire::RegisteredNumber>(201, "The number; strings alone.")
            .refuses([Conflict]),
        operation("PATCH", "/telephony/numbers/{id}", "pin_number", TAG, "Pin a carrier number to an agent")
            .body::<CarrierNumberPin>()
            .answers_nothing(204, "It is pinned, or unpinned."),
        operation("DELETE", "/telephony/numbers/{id}", "remove_carrier_number", TAG, "Remove a carrier number")
            .says("The number is given up, and its credential is free of it.")
            .answers_nothing(204, "It is gone.")
            .refuses([NotFound]),
    ]
}
