//! What creators and changers send, field by field, up to the rules of `domain`.

use api::Fields;
use domain::{
    Invalid,
    endpoint::{EndpointSpec, GivenUrl, MAX_NAME_CHARS, SipUri, is_missing},
    webhook::EventFilter,
};
use webhooks::guard::{Guard, Policy, WebhookUrl};

/// A checked name; `None` if it is absent or wrong.
pub(crate) fn name(fields: &mut Fields) -> Option<String> {
    let text = fields.text("name")?;
    let name = text.trim();
    if (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !text.chars().any(char::is_control) {
        return Some(name.to_owned());
    }
    fields.fault("name", format!("must have 1 to {MAX_NAME_CHARS} characters and no control characters"));
    None
}

/// A checked event filter; `None` if it is absent or wrong.
pub(crate) fn events(fields: &mut Fields) -> Option<EventFilter> {
    let entries = fields.texts("events")?;
    EventFilter::parse(entries).map_err(|faults| note(fields, faults)).ok()
}

/// Where and how calls are answered, if nothing is wrong with it. A webhook's url must be one that may be called, which is
/// looked at whatever else is wrong.
pub(crate) fn checked(
    fields: &mut Fields,
    is_webhook: bool,
    url: Option<&str>,
    spec: Result<EndpointSpec, Vec<Invalid>>,
    policy: Policy,
) -> Option<EndpointSpec> {
    let callable = url.filter(|_| is_webhook).map(|url| WebhookUrl::parse(url, policy));
    let callable = callable.transpose().map_err(|problem| fields.fault("url", problem));
    let mut spec = spec.map_err(|faults| note(fields, faults)).ok()?;
    if let Some(url) = callable.ok()? {
        spec.url = Some(url.as_str().to_owned());
    }
    Some(spec)
}

/// Looks the name of a webhook's url up, if one was sent that may be called.
pub(crate) async fn look_up(fields: &mut Fields, url: Option<&str>, guard: &Guard) {
    let Some(Ok(url)) = url.map(|url| WebhookUrl::parse(url, guard.policy())) else { return };
    if let Err(problem) = guard.leads_out(&url).await {
        fields.fault("url", problem);
    }
}

/// A sound url whose form tells what it is for; `None` if a look at the endpoint has to say what is wrong with it.
pub(crate) fn given_url(text: &str, policy: Policy) -> Option<GivenUrl> {
    if let Ok(uri) = text.parse::<SipUri>() {
        return Some(GivenUrl::Sip(uri.to_string()));
    }
    WebhookUrl::parse(text, policy).ok().map(|url| GivenUrl::Webhook(url.as_str().to_owned()))
}

fn note(fields: &mut Fields, faults: Vec<Invalid>) {
    for fault in faults {
        if is_missing(&fault) {
            fields.missing(&fault.field);
        } else {
            fields.fault(&fault.field, fault.problem);
        }
    }
}
