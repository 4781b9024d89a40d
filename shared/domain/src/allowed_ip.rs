//! Where an API key may be used from: single addresses and networks in CIDR notation.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most entries of one key.
pub const MAX_ALLOWED_IPS: usize = 50;

/// How many bits stand before an IPv4 address that is written as an IPv6 one.
const MAPPED_BITS: u8 = 96;

/// An address, or a network of addresses. Printed in one spelling, a single address without a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AllowedIp(IpNet);

/// The text is neither an address nor a network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotAllowedIp {
    /// It cannot be read.
    #[error("must be an IPv4 or IPv6 address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8::/32")]
    Malformed,
    /// It is an address inside a network, where the network itself is meant.
    #[error("must be the network itself, which is {0}")]
    InsideNetwork(IpNet),
}

impl AllowedIp {
    /// Whether an address is meant. An IPv4 address is the same in either spelling; an IPv6 network holds no IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// The network as IPv4, if it is a network of mapped IPv4 addresses.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(wide) = network else { return network };
    let bits = wide.prefix_len().checked_sub(MAPPED_BITS);
    let mapped = wide.addr().to_ipv4_mapped().zip(bits).and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    mapped.map_or(network, IpNet::V4)
}

impl FromStr for AllowedIp {
    type Err = NotAllowedIp;

    fn from_str(text: &str) -> Result<Self, NotAllowedIp> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network = canonical(text.parse().map_err(|_| NotAllowedIp::Malformed)?);
        if network.trunc() == network { Ok(Self(network)) } else { Err(NotAllowedIp::InsideNetwork(network.trunc())) }
    }
}

impl fmt::Display for AllowedIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Serialize for AllowedIp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AllowedIp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("203.0.113.7", "203.0.113.7")]
    #[case("203.0.113.7/32", "203.0.113.7")]
    #[case("10.0.0.0/8", "10.0.0.0/8")]
    #[case("0.0.0.0/0", "0.0.0.0/0")]
    #[case("2001:DB8:0:0::1", "2001:db8::1")]
    #[case("2001:db8::/32", "2001:db8::/32")]
    #[case("::ffff:203.0.113.7", "203.0.113.7")]
    #[case("::ffff:203.0.113.0/120", "203.0.113.0/24")]
    fn is_printed_in_one_spelling(#[case] text: &str, #[case] printed: &str) {
        let range: AllowedIp = text.parse().unwrap();
        assert_eq!(range.to_string(), printed);
        assert_eq!(printed.parse(), Ok(range));
    }

    #[test]
    fn what_is_no_address_or_network_is_refused() {
        let wrong =
            ["", " ", "*", "203.0.113", "203.0.113.7 ", "203.0.113.0/33", "203.0.113.0/", "203.0.113.0/-1", "::/129", "fe80::1%eth0"];
        for text in wrong.into_iter().chain(["example.com", "203.0.113.07", "203.0.113.1-203.0.113.9", "[::1]", "203.0.113.7:80"]) {
            assert_eq!(text.parse::<AllowedIp>(), Err(NotAllowedIp::Malformed), "{text}");
        }
        let inside = "203.0.113.7/24".parse::<AllowedIp>().unwrap_err();
        assert_eq!(inside.to_string(), "must be the network itself, which is 203.0.113.0/24");
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_no_other_family() {
        let range: AllowedIp = "203.0.113.8/29".parse().unwrap();
        let holds = |address: &str| range.contains(address.parse().unwrap());
        assert!(holds("203.0.113.8") && holds("203.0.113.15") && holds("::ffff:203.0.113.9"));
        assert!(!holds("203.0.113.7") && !holds("203.0.113.16") && !holds("::203.0.113.9"));
        assert!(!"::/0".parse::<AllowedIp>().unwrap().contains("203.0.113.9".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[0-9a-f:./]{0,45}") {
            if let Ok(range) = text.parse::<AllowedIp>() {
                prop_assert_eq!(range.to_string().parse::<AllowedIp>(), Ok(range));
            }
        }
    }
}
