//! What the operator allows of receivers. A tenant has no say in it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::is_public;

/// How many ports may be configured.
const MAX_PORTS: usize = 8;

/// Whether this machine itself may receive webhooks: only for local development and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// Public HTTPS servers only.
    Refused,
    /// Also loopback addresses and `localhost`, by `http:` or `https:`, at any port.
    Allowed,
}

/// The ports at which a public receiver may listen: 443 and 8443 unless others are configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Filled up with 0, which is no port.
    numbers: [u16; MAX_PORTS],
}

/// The text is no list of ports.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 1 to 8 ports from 1 to 65535 with commas between them, such as 443,8443")]
pub struct InvalidPorts;

impl Ports {
    fn contains(self, port: u16) -> bool {
        port != 0 && self.numbers.contains(&port)
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self { numbers: [443, 8443, 0, 0, 0, 0, 0, 0] }
    }
}

/// Reads numbers with commas between them.
impl FromStr for Ports {
    type Err = InvalidPorts;

    fn from_str(text: &str) -> Result<Self, InvalidPorts> {
        let mut numbers = [0; MAX_PORTS];
        for (at, word) in text.split(',').enumerate() {
            let port = word.trim().parse().ok().filter(|port| *port != 0).ok_or(InvalidPorts)?;
            *numbers.get_mut(at).ok_or(InvalidPorts)? = port;
        }
        Ok(Self { numbers })
    }
}

/// As a sentence names them: `443 or 8443`.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.numbers.iter().filter(|port| **port != 0).map(u16::to_string).collect();
        f.write_str(&names.join(" or "))
    }
}

/// Which receivers a deployment sends to: public HTTPS servers at certain ports, and this machine if that is allowed.
///
/// Who saves a URL and who connects to it ask the same policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    loopback: Loopback,
    ports: Ports,
}

/// A socket address that a policy allows. Connections are made to nothing else, and only the policy makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vetted(SocketAddr);

impl Policy {
    /// Makes a policy.
    #[must_use]
    pub const fn new(loopback: Loopback, ports: Ports) -> Self {
        Self { loopback, ports }
    }

    /// Whether this machine itself may receive webhooks.
    pub(crate) fn allows_loopback(self) -> bool {
        self.loopback == Loopback::Allowed
    }

    /// Says which ports there are unless `port` is one of them.
    pub(super) fn check_port(self, port: u16) -> Result<(), String> {
        if self.ports.contains(port) { Ok(()) } else { Err(format!("must use port {}", self.ports)) }
    }

    fn may_reach(self, address: IpAddr) -> bool {
        is_public(address) || (self.allows_loopback() && address.is_loopback())
    }

    /// What a name resolved to, as addresses to connect to, IPv4 first: a function seldom has a way out by IPv6.
    ///
    /// # Errors
    /// The first address that may not be reached: one such makes the whole answer suspect.
    pub(crate) fn vet(self, addresses: &[IpAddr], port: u16) -> Result<Vec<Vetted>, IpAddr> {
        if let Some(refused) = addresses.iter().find(|address| !self.may_reach(**address)) {
            return Err(*refused);
        }
        let mut vetted: Vec<Vetted> = addresses.iter().map(|address| Vetted(SocketAddr::new(*address, port))).collect();
        vetted.sort_by_key(|vetted| vetted.0.is_ipv6());
        Ok(vetted)
    }
}

/// The usual ports.
impl From<Loopback> for Policy {
    fn from(loopback: Loopback) -> Self {
        Self::new(loopback, Ports::default())
    }
}

impl Vetted {
    /// The address itself.
    pub(crate) const fn address(self) -> SocketAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_443_and_8443_unless_others_are_configured() {
        let (usual, own) = (Ports::default(), "443, 9443".parse::<Ports>().unwrap());
        assert_eq!([443, 8443, 9443, 80, 0].map(|port| usual.contains(port)), [true, true, false, false, false]);
        assert_eq!([443, 8443, 9443, 80, 0].map(|port| own.contains(port)), [true, false, true, false, false]);
        assert_eq!((usual.to_string(), own.to_string()), ("443 or 8443".to_owned(), "443 or 9443".to_owned()));
    }

    #[test]
    fn ports_that_are_no_ports_are_refused() {
        for text in ["", "0", "65536", "443;8443", "443,", "https", "-1", "1,2,3,4,5,6,7,8,9"] {
            assert_eq!(text.parse::<Ports>(), Err(InvalidPorts), "{text}");
        }
        assert!("1,2,3,4,5,6,7,8".parse::<Ports>().is_ok());
    }

    #[test]
    fn one_bad_address_spoils_an_answer_wherever_it_stands() {
        let (good, other, bad) = ("8.8.8.8".parse().unwrap(), "2606:4700::1".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let policy = Policy::from(Loopback::Refused);
        for answer in [vec![bad], vec![bad, good], vec![good, other, bad]] {
            assert_eq!(policy.vet(&answer, 443), Err(bad), "{answer:?}");
        }
        let vetted = policy.vet(&[other, good], 443).unwrap();
        assert_eq!(vetted.iter().map(|vetted| vetted.address().ip()).collect::<Vec<_>>(), [good, other], "IPv4 first");
    }
}
