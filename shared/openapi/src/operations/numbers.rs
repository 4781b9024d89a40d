//! Phone numbers.

use api::Code::{Conflict, EndpointNotFound, MissingFields, NumberAlreadyOwned, NumberNotAvailable};
use domain::{EndpointId, inventory::NumberType, number::NumberStatus, wire};
use serde_json::Value;

use crate::{
    constraints::countries,
    lists,
    operation::{Operation, operation},
    parameters::{choice, envelope, filter, id, paging, required, switch},
    requests::{NumberChange, NumberOrder},
};

pub(crate) const TAG: &str = "Phone numbers";

fn kind() -> Value {
    choice("type", NumberType::ALL.map(NumberType::as_str), "Numbers of this type alone.")
}

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = Vec::from(lists());
    all.extend(one());
    all
}

fn lists() -> [Operation; 2] {
    [
        operation("GET", "/phone-numbers", "list_numbers", TAG, "List numbers")
            .says("The organization's numbers, newest first; with `action=available` those that it can buy, as `GET /v1/phone-numbers/available` shows them.")
            .query([
                choice("action", ["assigned", "available"], "Which numbers: `assigned` if it is absent."),
                choice("status", NumberStatus::ALL.map(NumberStatus::as_str), "Numbers of this status alone."),
                filter("country", countries(), "Numbers of this country (ISO 3166-1 alpha-2) alone. Required with `action=available`."),
                kind(),
                id("endpoint_id", &[EndpointId::PREFIX], "Numbers that ring this endpoint alone."),
                switch("include_released", "Also numbers that were given back and whose record is kept."),
            ])
            .query(paging(Some(20)))
            .query([envelope()])
            .lists("The numbers.", lists::numbers)
            .refuses([MissingFields]),
        operation("GET", "/phone-numbers/available", "list_available", TAG, "List numbers on offer")
            .says("What can be bought in a country, in the order of numbers.")
            .query([required("country", countries(), "The country (ISO 3166-1 alpha-2)."), kind()])
            .query(paging(Some(20)))
            .query([envelope()])
            .lists("The numbers on offer.", lists::available_numbers)
            .refuses([MissingFields]),
    ]
}

fn one() -> [Operation; 4] {
    [
        operation("POST", "/phone-numbers", "purchase_number", TAG, "Buy a number")
            .says(
                "Of any number of buyers one gets a number. Costs that are sent are compared with the price: nobody buys at a stale one.\n\n\
                 409 `NUMBER_ALREADY_OWNED` says that your own organization owns it; 409 `CONFLICT` that you have as many as you may.",
            )
            .body::<NumberOrder>()
            .answers::<wire::PurchasedNumber>(201, "The number, yours.")
            .refuses([NumberNotAvailable, EndpointNotFound, NumberAlreadyOwned, Conflict]),
        operation("GET", "/phone-numbers/{id}", "get_number", TAG, "Get a number")
            .says("The number, the endpoint that it rings and its SIP credentials. The password is shown to those who hold `numbers:write`.")
            .answers::<wire::NumberDetail>(200, "The number."),
        operation("PATCH", "/phone-numbers/{id}", "update_number", TAG, "Change a number")
            .says("Attaches it to an endpoint or detaches it, switches it on and off.")
            .body::<NumberChange>()
            .answers::<wire::Number>(200, "The number as it is now.")
            .refuses([EndpointNotFound, Conflict]),
        operation("DELETE", "/phone-numbers/{id}", "release_number", TAG, "Give a number back")
            .says("The number can be bought by others. Without `action` its record is removed; with `action=release` it is kept, inactive.")
            .query([choice("action", ["release"], "Keep the record.")])
            .answers::<wire::ReleasedNumber>(200, "The number is given back; also if it was before."),
    ]
}
