//! The keys of each provider's settings, and what may stand in them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    Provider,
    sip_uri::{SipUri, is_label},
};
use crate::{E164, Invalid};

/// The longest id, name, user name or password, in characters.
const MAX_TEXT_CHARS: usize = 128;

/// The most SIP headers.
const MAX_HEADERS: usize = 10;

/// The longest name of a SIP header, in bytes.
const MAX_HEADER_NAME: usize = 64;

/// The longest value of a SIP header, in bytes.
const MAX_HEADER_VALUE: usize = 256;

/// One known key of a provider's settings.
#[derive(Debug)]
pub(super) struct Key {
    /// Its canonical name, in `snake_case`.
    pub(super) name: &'static str,
    /// Other names for it, in `snake_case`.
    pub(super) aliases: &'static [&'static str],
    /// Whether it must be there when no url is given.
    pub(super) required: bool,
    /// What may stand in it.
    pub(super) shape: Shape,
}

const fn required(name: &'static str, aliases: &'static [&'static str], shape: Shape) -> Key {
    Key { name, aliases, required: true, shape }
}

const fn optional(name: &'static str, aliases: &'static [&'static str], shape: Shape) -> Key {
    Key { name, aliases, required: false, shape }
}

const VAPI: &[Key] =
    &[required("assistant_id", &["agent_id", "vapi_assistant_id"], Shape::Text(id)), optional("credential_id", &[], Shape::Text(label))];

const RETELL: &[Key] = &[required("agent_id", &[], Shape::Text(id)), optional("phone_number", &[], Shape::Text(phone_number))];

const ELEVENLABS: &[Key] = &[
    required("elevenlabs_agent_id", &["agent_id"], Shape::Text(id)),
    optional("region", &[], Shape::Text(region)),
    optional("tls", &[], Shape::Bool),
];

// An agent's name is all the id that LiveKit knows: answers carry it as `agent_id`, so it is read back from there.
const LIVEKIT: &[Key] = &[
    required("livekit_sip_trunk_id", &["sip_trunk_id"], Shape::Text(id)),
    required("livekit_sip_uri", &["sip_uri"], Shape::Text(sip_uri)),
    optional("livekit_agent_name", &["agent_name", "agent_id"], Shape::Text(name)),
];

const VOGENT: &[Key] = &[required("vogent_agent_id", &["agent_id"], Shape::Text(id)), optional("sip_username", &[], Shape::Text(id))];

const CUSTOM_SIP: &[Key] = &[
    optional("transport", &[], Shape::Text(transport)),
    optional("username", &[], Shape::Text(id)),
    optional("headers", &[], Shape::Headers),
];

/// The known keys of a provider. `provider` and the password of `custom_sip` are read apart.
pub(super) const fn keys(provider: Provider) -> &'static [Key] {
    match provider {
        Provider::Vapi => VAPI,
        Provider::Retell => RETELL,
        Provider::ElevenLabs => ELEVENLABS,
        Provider::LiveKit => LIVEKIT,
        Provider::Vogent => VOGENT,
        Provider::CustomSip => CUSTOM_SIP,
        Provider::Webhook => &[],
    }
}

/// The key whose value answers carry as `agent_id` too; AI providers only.
pub(super) const fn agent_key(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Vapi => Some("assistant_id"),
        Provider::Retell => Some("agent_id"),
        Provider::ElevenLabs => Some("elevenlabs_agent_id"),
        Provider::LiveKit => Some("livekit_agent_name"),
        Provider::Vogent => Some("vogent_agent_id"),
        Provider::CustomSip | Provider::Webhook => None,
    }
}

/// What may stand in a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A text that this reads into its stored form; else the problem.
    Text(fn(&str) -> Result<String, String>),
    /// True or false.
    Bool,
    /// An object of `X-…` SIP headers.
    Headers,
}

impl Shape {
    /// The value in its stored form, or `None` and faults under the field's name.
    pub(super) fn read(self, field: &str, value: &Value, faults: &mut Vec<Invalid>) -> Option<Value> {
        let read = match (self, value) {
            (Self::Text(read), Value::String(text)) => read(text).map(Value::String),
            (Self::Text(_), _) => Err("must be a string".to_owned()),
            (Self::Bool, Value::Bool(_)) => Ok(value.clone()),
            (Self::Bool, _) => Err("must be true or false".to_owned()),
            (Self::Headers, Value::Object(headers)) => return read_headers(field, headers, faults),
            (Self::Headers, _) => Err("must be an object of X-… header names and texts".to_owned()),
        };
        read.map_err(|problem| faults.push(Invalid::new(field, problem))).ok()
    }
}

fn allow(text: &str, allowed: bool, problem: impl FnOnce() -> String) -> Result<String, String> {
    if allowed { Ok(text.to_owned()) } else { Err(problem()) }
}

/// 1 to 128 printable ASCII characters, none of which could end a part of a SIP URI or a header.
fn id(text: &str) -> Result<String, String> {
    let may_stand = |b: u8| b.is_ascii_graphic() && !matches!(b, b'@' | b';' | b'<' | b'>' | b'"' | b'\\');
    allow(text, (1..=MAX_TEXT_CHARS).contains(&text.len()) && text.bytes().all(may_stand), || {
        format!("must have 1 to {MAX_TEXT_CHARS} printable ASCII characters without spaces and @ ; < > \" \\")
    })
}

/// An id that becomes one label of a host name.
fn label(text: &str) -> Result<String, String> {
    allow(text, is_label(text), || "must have 1 to 63 letters, digits and inner hyphens".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    let is_name = (1..=MAX_TEXT_CHARS).contains(&text.len()) && text.trim() == text && is_printable(text);
    allow(text, is_name, || format!("must have 1 to {MAX_TEXT_CHARS} printable ASCII characters and no space at either end"))
}

fn region(text: &str) -> Result<String, String> {
    allow(text, matches!(text, "eu" | "in" | "sg"), || "must be one of eu, in, sg".to_owned())
}

fn transport(text: &str) -> Result<String, String> {
    allow(text, matches!(text, "udp" | "tcp" | "tls"), || "must be one of udp, tcp, tls".to_owned())
}

fn phone_number(text: &str) -> Result<String, String> {
    text.parse().map(|number: E164| number.to_string()).map_err(|error| error.to_string())
}

fn sip_uri(text: &str) -> Result<String, String> {
    text.parse().map(|uri: SipUri| uri.to_string()).map_err(|error| error.to_string())
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

/// Whether a text can be a password: 1 to 128 characters, no control characters.
pub(super) fn is_password(text: &str) -> bool {
    (1..=MAX_TEXT_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn read_headers(field: &str, headers: &Map<String, Value>, faults: &mut Vec<Invalid>) -> Option<Value> {
    let before = faults.len();
    if headers.len() > MAX_HEADERS {
        faults.push(Invalid::new(field, format!("must have at most {MAX_HEADERS} headers")));
        return None;
    }
    let mut names = BTreeSet::new();
    for (name, value) in headers {
        if !is_header_name(name) {
            let problem = format!("must have names of X- and letters, digits and hyphens, at most {MAX_HEADER_NAME} characters");
            faults.push(Invalid::new(field, problem));
        } else if !names.insert(name.to_ascii_lowercase()) {
            faults.push(Invalid::new(format!("{field}.{name}"), "stands twice"));
        } else if !value.as_str().is_some_and(|value| value.len() <= MAX_HEADER_VALUE && is_printable(value)) {
            let problem = format!("must be a string of at most {MAX_HEADER_VALUE} printable ASCII characters");
            faults.push(Invalid::new(format!("{field}.{name}"), problem));
        }
    }
    (faults.len() == before).then(|| Value::Object(headers.clone()))
}

fn is_header_name(name: &str) -> bool {
    let rest = name.strip_prefix("X-").or_else(|| name.strip_prefix("x-"));
    let is_token = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    name.len() <= MAX_HEADER_NAME && rest.is_some_and(is_token)
}
