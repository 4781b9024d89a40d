//! SIP addresses (RFC 3261, §19.1), the part of them that numbers are routed to.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// The longest address, in bytes.
pub const MAX_SIP_URI_LENGTH: usize = 512;

/// A checked `sip:` or `sips:` URI: an optional user, a full domain name or an IP address, an optional port,
/// parameters. Scheme and host are in lower case.
///
/// Passwords and headers (`?X-…=…`), which the RFC has, are refused: a password in a URI ends in every log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    secure: bool,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    /// Empty, or `;name=value` for each parameter.
    parameters: String,
}

/// The text is no SIP URI that calls may be sent to. No variant repeats the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidSipUri {
    /// Longer than 512 characters.
    #[error("must be at most {MAX_SIP_URI_LENGTH} characters")]
    Length,
    /// Spaces, control characters, quotes or letters beyond ASCII.
    #[error("must be printable ASCII without spaces, quotes, backslashes or angle brackets")]
    Characters,
    /// Not `sip:` or `sips:`.
    #[error("must be a sip: or sips: URI such as sip:agent@sip.example.com")]
    Scheme,
    /// An empty user, a password, or a character that must be written as `%` and two hexadecimal digits.
    #[error("must have a well-formed user without a password before the @")]
    User,
    /// No full domain name and no IP address.
    #[error("must name a host: a full domain name or an IP address")]
    Host,
    /// Not 1 to 65535.
    #[error("must have a port from 1 to 65535")]
    Port,
    /// A parameter without a name, or characters that parameters cannot have.
    #[error("must have parameters of the form ;name=value")]
    Parameters,
    /// A `?` and what follows it.
    #[error("must not contain headers (?): use provider_config.headers")]
    Headers,
}

impl SipUri {
    /// Whether the scheme is `sips:`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The user before the `@`, with its `%` escapes.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, `None` for the transport's own.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters in order; a parameter without `=` has no value.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parameters.split(';').skip(1).map(|parameter| match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        })
    }

    /// The same address with another user, or with none. Escapes what a user cannot contain.
    #[must_use]
    pub fn with_user(self, user: Option<&str>) -> Self {
        Self { user: user.map(escaped_user), ..self }
    }
}

/// A text as the user part of a URI: everything else than RFC 3261 allows there becomes `%` and two digits, so that
/// no text can end the user part.
pub(super) fn escaped_user(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match is_user_byte(byte) && byte != b'%' {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// What RFC 3261 allows in a user, without `;` and `?`, which careless readers take for its end.
const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b'/' | b'%')
}

const fn is_parameter_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' | b'%')
}

/// Whether each `%` is followed by two hexadecimal digits and stands for no control character.
fn is_well_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).is_some_and(|byte| !byte.is_ascii_control())
    })
}

impl FromStr for SipUri {
    type Err = InvalidSipUri;

    fn from_str(text: &str) -> Result<Self, InvalidSipUri> {
        if text.len() > MAX_SIP_URI_LENGTH {
            return Err(InvalidSipUri::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'<' | b'>')) {
            return Err(InvalidSipUri::Characters);
        }
        let (scheme, rest) = text.split_once(':').ok_or(InvalidSipUri::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "sip" => false,
            "sips" => true,
            _ => return Err(InvalidSipUri::Scheme),
        };
        if rest.contains('?') {
            return Err(InvalidSipUri::Headers);
        }
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let user = user.map(read_user).transpose()?;
        let (address, parameters) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let (host, port) = read_address(address)?;
        Ok(Self { secure, user, host, port, parameters: read_parameters(parameters)? })
    }
}

fn read_user(user: &str) -> Result<String, InvalidSipUri> {
    let well_formed = !user.is_empty() && user.bytes().all(is_user_byte) && is_well_escaped(user);
    if well_formed { Ok(user.to_owned()) } else { Err(InvalidSipUri::User) }
}

fn read_address(address: &str) -> Result<(String, Option<u16>), InvalidSipUri> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(InvalidSipUri::Host)?;
        let host: Ipv6Addr = host.parse().map_err(|_| InvalidSipUri::Host)?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(InvalidSipUri::Host)?) };
        return Ok((format!("[{host}]"), port.map(read_port).transpose()?));
    }
    let (host, port) = address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)));
    Ok((read_host(host)?, port.map(read_port).transpose()?))
}

fn read_host(host: &str) -> Result<String, InvalidSipUri> {
    let labels: Vec<&str> = host.split('.').collect();
    let numeric = labels.last().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    let is_host =
        if numeric { host.parse::<Ipv4Addr>().is_ok() } else { host.len() <= 253 && labels.len() > 1 && labels.into_iter().all(is_label) };
    if is_host { Ok(host.to_ascii_lowercase()) } else { Err(InvalidSipUri::Host) }
}

/// Whether a text can be one label of a domain name (RFC 1123, §2.1).
pub(super) fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn read_port(port: &str) -> Result<u16, InvalidSipUri> {
    let port = Some(port).filter(|port| port.bytes().all(|b| b.is_ascii_digit())).and_then(|port| port.parse().ok());
    port.filter(|port| *port != 0).ok_or(InvalidSipUri::Port)
}

/// `parameters` is empty or starts with `;`.
fn read_parameters(parameters: &str) -> Result<String, InvalidSipUri> {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_parameter_byte) && is_well_escaped(part);
    let well_formed = parameters.split(';').skip(1).all(|parameter| match parameter.split_once('=') {
        Some((name, value)) => is_part(name) && is_part(value),
        None => is_part(parameter),
    });
    if well_formed { Ok(parameters.to_owned()) } else { Err(InvalidSipUri::Parameters) }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("sip:agent@sip.example.com", "sip:agent@sip.example.com")]
    #[case("SIPS:Agent@SIP.Example.com:5061", "sips:Agent@sip.example.com:5061")]
    #[case("sip:+14155550100@sip.example.com;transport=tcp;lr", "sip:+14155550100@sip.example.com;transport=tcp;lr")]
    #[case("sip:sip.example.com", "sip:sip.example.com")]
    #[case("sip:192.0.2.7:5080", "sip:192.0.2.7:5080")]
    #[case("sip:a@[2001:DB8:0::1]:5060;ob", "sip:a@[2001:db8::1]:5060;ob")]
    #[case("sip:a%40b@xn--bcher-kva.example", "sip:a%40b@xn--bcher-kva.example")]
    fn an_address_is_read_and_written_in_normal_form(#[case] text: &str, #[case] normal: &str) {
        let uri: SipUri = text.parse().unwrap();
        assert_eq!(uri.to_string(), normal);
        assert_eq!(normal.parse(), Ok(uri));
    }

    #[rstest]
    #[case("", InvalidSipUri::Scheme)]
    #[case("agent@sip.example.com", InvalidSipUri::Scheme)]
    #[case("https://example.com", InvalidSipUri::Scheme)]
    #[case("tel:+14155550100", InvalidSipUri::Scheme)]
    #[case("sip :a@b.example", InvalidSipUri::Characters)]
    #[case("sip:ä@b.example", InvalidSipUri::Characters)]
    #[case("sip:a@b.example\r\nX-A: b", InvalidSipUri::Characters)]
    #[case("<sip:a@b.example>", InvalidSipUri::Characters)]
    #[case("sip:a@b.example?X-A=b", InvalidSipUri::Headers)]
    #[case("sip:@b.example", InvalidSipUri::User)]
    #[case("sip:a:secret@b.example", InvalidSipUri::User)]
    #[case("sip:a@b@c.example", InvalidSipUri::User)]
    #[case("sip:a;b@c.example", InvalidSipUri::User)]
    #[case("sip:a%4@b.example", InvalidSipUri::User)]
    #[case("sip:a%0d%0a@b.example", InvalidSipUri::User)]
    #[case("sip:", InvalidSipUri::Host)]
    #[case("sip:a@", InvalidSipUri::Host)]
    #[case("sip:alice", InvalidSipUri::Host)]
    #[case("sip:a@b..example", InvalidSipUri::Host)]
    #[case("sip:a@b.example.", InvalidSipUri::Host)]
    #[case("sip:a@-b.example", InvalidSipUri::Host)]
    #[case("sip:a@b_c.example", InvalidSipUri::Host)]
    #[case("sip:a@192.0.2", InvalidSipUri::Host)]
    #[case("sip:a@192.0.2.256", InvalidSipUri::Host)]
    #[case("sip:a@2001:db8::1", InvalidSipUri::Host)]
    #[case("sip:a@[2001:db8::1", InvalidSipUri::Host)]
    #[case("sip:a@[2001:db8::1]5060", InvalidSipUri::Host)]
    #[case("sip://b.example", InvalidSipUri::Host)]
    #[case("sip:a@b.example:", InvalidSipUri::Port)]
    #[case("sip:a@b.example:0", InvalidSipUri::Port)]
    #[case("sip:a@b.example:65536", InvalidSipUri::Port)]
    #[case("sip:a@b.example:+5060", InvalidSipUri::Port)]
    #[case("sip:a@b.example;", InvalidSipUri::Parameters)]
    #[case("sip:a@b.example;;lr", InvalidSipUri::Parameters)]
    #[case("sip:a@b.example;=tcp", InvalidSipUri::Parameters)]
    #[case("sip:a@b.example;transport=", InvalidSipUri::Parameters)]
    #[case("sip:a@b.example;a=b=c", InvalidSipUri::Parameters)]
    #[case("sip:a@b.example;a=%zz", InvalidSipUri::Parameters)]
    fn what_is_no_address_is_refused(#[case] text: &str, #[case] fault: InvalidSipUri) {
        assert_eq!(text.parse::<SipUri>(), Err(fault));
    }

    #[test]
    fn the_longest_address_has_512_characters() {
        let uri = |length: usize| format!("sip:{}@b.example", "a".repeat(length - "sip:@b.example".len()));
        assert!(uri(512).parse::<SipUri>().is_ok());
        assert_eq!(uri(513).parse::<SipUri>(), Err(InvalidSipUri::Length));
    }

    #[test]
    fn the_parts_can_be_asked_for() {
        let uri: SipUri = "sips:a@b.example:5061;transport=tls;lr".parse().unwrap();
        assert!(uri.is_secure());
        assert_eq!((uri.user(), uri.host(), uri.port()), (Some("a"), "b.example", Some(5061)));
        assert_eq!(uri.parameters().collect::<Vec<_>>(), [("transport", Some("tls")), ("lr", None)]);
        assert_eq!(uri.with_user(None).to_string(), "sips:b.example:5061;transport=tls;lr");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(sips?:)?.*") {
            let _ = text.parse::<SipUri>();
        }

        #[test]
        fn what_is_read_is_written_so_that_it_reads_the_same(
            text in "(sip|SIPS):([a-zA-Z0-9+%./]{1,8}@)?([a-zA-Z0-9-]{1,6}\\.){1,2}[a-z0-9]{1,3}(:[0-9]{1,5})?(;[a-z]{1,5}(=[a-z0-9:\\[\\]]{1,5})?){0,3}",
        ) {
            if let Ok(uri) = text.parse::<SipUri>() {
                prop_assert_eq!(uri.to_string().parse(), Ok(uri));
            }
        }

        #[test]
        fn no_text_breaks_out_of_the_user_part(user in "[ -~]{1,40}") {
            let uri = "sip:b.example".parse::<SipUri>().unwrap().with_user(Some(&user));
            let read: SipUri = uri.to_string().parse().unwrap();
            prop_assert_eq!(read.host(), "b.example");
            prop_assert_eq!(read, uri);
        }
    }
}
