//! Closed sets of names. One that stands at several places has a name of its own and is referred to there, so that generators of
//! clients make one type of it and not one for each place.

use std::collections::BTreeMap;

use domain::{audit::Action, delivery::DeliveryStatus, endpoint::EndpointStatus, route::Reason, simulation::Script};
use serde_json::{Map, Value, json};

use crate::{
    constraints::{REGIONS, TRANSPORTS, countries, one_of, resource_types, types},
    operations::call_statuses,
    schemas::reference,
};

/// Sets that no wire type is, with what they are.
fn sets() -> BTreeMap<&'static str, (&'static str, Value)> {
    let switched = [EndpointStatus::Active.as_str(), EndpointStatus::Inactive.as_str()];
    BTreeMap::from([
        ("AuditAction", ("What was done.", one_of(Action::ALL.iter().map(|action| action.as_str())))),
        ("AuditResourceType", ("What acts are done to.", one_of(resource_types()))),
        ("CallStatusFilter", ("A status of calls, in any spelling that is known.", one_of(call_statuses()))),
        ("Country", ("A country (ISO 3166-1 alpha-2).", countries())),
        ("DeliveryStatus", ("What became of a delivery.", one_of(DeliveryStatus::ALL.map(DeliveryStatus::as_str)))),
        ("ElevenLabsRegion", ("Where ElevenLabs keeps data.", one_of(REGIONS))),
        ("EndpointType", ("The type of an endpoint as its creator writes it.", one_of(types()))),
        ("RouteReason", ("Why a call goes nowhere.", one_of(Reason::ALL.iter().map(|reason| reason.as_str())))),
        ("Script", ("A call to play.", one_of(Script::ALL.map(Script::as_str)))),
        ("SipTransport", ("How a SIP server is spoken to.", one_of(TRANSPORTS))),
        ("SettableStatus", ("A status that can be set.", one_of(switched))),
    ])
}

/// Adds the sets to the document's schemas, and puts a reference wherever a set with a name stands, in whatever order its names are.
pub(crate) fn refer(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    for (name, (description, mut set)) in sets() {
        set["description"] = json!(description);
        set["examples"] = json!([set["enum"][0]]);
        schemas[name] = set;
    }
    let named = |(name, schema): (&String, &Value)| Some((members(schema)?, name.clone()));
    let names: BTreeMap<Vec<String>, String> = schemas.as_object().into_iter().flatten().filter_map(named).collect();
    let each = |part: &mut Value| part.as_object_mut().into_iter().flatten().for_each(|(_, part)| inner(part, &names));
    each(&mut document["components"]["schemas"]);
    each(&mut document["components"]["parameters"]);
    each(&mut document["paths"]);
}

/// The names of a set, sorted; `None` if the schema is no set of texts.
fn members(schema: &Value) -> Option<Vec<String>> {
    let names = schema["enum"].as_array()?.iter().filter(|name| !name.is_null());
    let mut names: Vec<String> = names.map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    names.sort_unstable();
    Some(names)
}

/// Everything below a part of the document, but not that itself: a set must not refer to itself.
fn inner(part: &mut Value, names: &BTreeMap<Vec<String>, String>) {
    match part {
        Value::Object(fields) => fields.values_mut().for_each(|field| referred(field, names)),
        Value::Array(items) => items.iter_mut().for_each(|item| referred(item, names)),
        _ => {}
    }
}

fn referred(schema: &mut Value, names: &BTreeMap<Vec<String>, String>) {
    let name = members(schema).and_then(|members| names.get(&members));
    if let (Some(name), Some(fields)) = (name, schema.as_object_mut()) {
        let may_be_null = fields.remove("enum").is_some_and(|set| set.as_array().is_some_and(|set| set.contains(&Value::Null)));
        fields.remove("type");
        fields.extend(reference_to(name, may_be_null));
    }
    inner(schema, names);
}

fn reference_to(name: &str, may_be_null: bool) -> Map<String, Value> {
    let set = reference("schemas", name);
    let told = if may_be_null { json!({"oneOf": [set, {"type": "null"}]}) } else { set };
    told.as_object().cloned().unwrap_or_default()
}
