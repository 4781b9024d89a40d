//! Which URLs and addresses a webhook may be sent to: public HTTPS servers and nothing else.
//!
//! Two gates, both needed: [`WebhookUrl`] when a receiver is registered and before each attempt, [`is_public`] on
//! every address that a name resolves to when the connection is made. A [`Guard`] looks a name up when it is registered
//! too; what it resolves to then says nothing of what it will resolve to later.

mod policy;
mod resolver;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

pub(crate) use policy::Vetted;
pub use policy::{InvalidPorts, Loopback, Policy, Ports};
pub use resolver::{Guard, Pending, Resolver, SystemResolver};

/// The longest URL, in bytes.
pub const MAX_URL_LENGTH: usize = 2048;

/// Names under these belong to the machine or the private network that asks: RFC 6761, 6762, 8375, ICANN's
/// `internal`, and what routers commonly invent.
const PRIVATE_SUFFIXES: [&str; 9] = ["localhost", "localdomain", "local", "internal", "home.arpa", "lan", "home", "corp", "intranet"];

/// A URL that webhooks may be sent to, in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// Reads a receiver's URL: `https:`, a port of the policy, no user info, no fragment, at most 2,048 characters, a
    /// public name or address.
    ///
    /// # Errors
    /// A sentence that says what is allowed; it does not repeat the URL.
    pub fn parse(text: &str, policy: impl Into<Policy>) -> Result<Self, String> {
        if text.len() > MAX_URL_LENGTH {
            return Err("must be at most 2048 characters".to_owned());
        }
        // The parser would drop these silently, and two readers of one text would see two URLs.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("must not contain spaces, control characters or backslashes".to_owned());
        }
        let url = Url::parse(text).map_err(|_| "must be an https URL such as https://example.com/hooks")?;
        let url = Self(url);
        url.check(policy.into())?;
        Ok(url)
    }

    /// A URL that nobody has looked at, as if it had got into the table by another way.
    #[cfg(test)]
    pub(crate) fn unchecked(text: &str) -> Option<Self> {
        Url::parse(text).map(Self).ok()
    }

    /// Whether it may be called: also a URL that was read under another policy.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(crate) fn check(&self, policy: Policy) -> Result<(), String> {
        let url = &self.0;
        let host = url.host().ok_or("must name a host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user name or password".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not contain a fragment (#)".to_owned());
        }
        if policy.allows_loopback() && is_loopback_host(&host) {
            return if matches!(url.scheme(), "http" | "https") { Ok(()) } else { Err("must be an http or https URL".to_owned()) };
        }
        if url.scheme() != "https" {
            return Err("must be an https URL".to_owned());
        }
        policy.check_port(self.port())?;
        Ok(check_host(&host)?)
    }

    /// The URL in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The parsed URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }

    /// The port to connect to; 0, which is none, where neither the URL nor its scheme names one.
    pub(crate) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(0)
    }

    /// The host's address, if it is one and no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// Whether it names this machine: a loopback address or a `localhost` name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(|host| is_loopback_host(&host))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_loopback_host(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn check_host(host: &Host<&str>) -> Result<(), &'static str> {
    let public = match *host {
        Host::Domain(name) => return check_name(name),
        Host::Ipv4(address) => is_public(address.into()),
        Host::Ipv6(address) => is_public(address.into()),
    };
    if public { Ok(()) } else { Err("must not be a private, local or reserved address") }
}

/// `name` comes from the URL parser: lower case, punycode, no characters that a host cannot have.
fn check_name(name: &str) -> Result<(), &'static str> {
    let labels: Vec<&str> = name.split('.').collect();
    if name.len() > 253 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return Err("must name a well-formed host without a trailing dot");
    }
    if labels.len() < 2 {
        return Err("must name a public host with a full domain name");
    }
    let private =
        PRIVATE_SUFFIXES.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if private { Err("must not be a name of a private network") } else { Ok(()) }
}

/// Whether an address is a public unicast address that no registry has set aside.
///
/// Refuses every range of the IANA IPv4 and IPv6 Special-Purpose Address Registries (as of 2025), also the few that
/// are globally reachable, since nobody receives webhooks there; multicast; each IPv6 form that carries an IPv4
/// address, whatever that address is; and the one public address at which a cloud answers for its own machines.
#[must_use]
pub const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let reserved = matches!(
        address.octets(),
        [0 | 10 | 127, ..]                  // this network, private, loopback
        | [100, 64..=127, ..]               // shared address space (CGNAT)
        | [168, 63, 129, 16]                // Azure's platform: metadata, health, DNS
        | [169, 254, ..]                    // link-local, cloud metadata
        | [172, 16..=31, ..]                // private
        | [192, 0, 0 | 2, _]                // protocol assignments, documentation
        | [192, 31, 196, _]                 // AS112
        | [192, 52, 193, _]                 // AMT
        | [192, 88, 99, _]                  // 6to4 relays
        | [192, 168, ..]                    // private
        | [192, 175, 48, _]                 // AS112
        | [198, 18 | 19, ..]                // benchmarking
        | [198, 51, 100, _]                 // documentation
        | [203, 0, 113, _]                  // documentation
        | [224..=255, ..] // multicast, reserved (class E), broadcast
    );
    !reserved
}

/// Only `2000::/3` is allocated as global unicast. What lies outside needs no list: `::`, `::1`, IPv4-mapped and
/// -compatible addresses, NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`), discard-only `100::/64`, dummy `100:0:0:1::/64`,
/// segment routing `5f00::/16`, unique local `fc00::/7`, link-local `fe80::/10`, site-local `fec0::/10`, multicast
/// `ff00::/8`.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    let reserved = matches!(
        segments,
        [0x2001, 0..=0x01ff, ..]            // protocol assignments: Teredo, benchmarking, ORCHID, AMT, AS112 …
        | [0x2001, 0x0db8, ..]              // documentation
        | [0x2002, ..]                      // 6to4
        | [0x2620, 0x004f, 0x8000, ..]      // AS112
        | [0x3fff, 0..=0x0fff, ..] // documentation
    );
    global_unicast && !reserved
}

#[cfg(test)]
pub(crate) mod tests;
