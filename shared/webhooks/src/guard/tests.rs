//! The guard against every spelling that has fooled one: hosts, addresses, URL parts.

use rstest::rstest;

use super::*;

fn refused(text: &str) -> bool {
    WebhookUrl::parse(text, Loopback::Refused).is_err()
}

/// Hosts that a webhook must never reach, as an attacker would write them.
pub(crate) const PRIVATE_HOSTS: &str = "
    # names
    localhost LOCALHOST localhost. a.localhost a.b.localhost. localhost.localdomain printer.local db.internal
    metadata.google.internal ip-10-0-0-1.eu-west-1.compute.internal router.lan nas.home.arpa nas.home ad.corp
    wiki.intranet intranet host local com example.com. a..example.com .example.com ｌｏｃａｌｈｏｓｔ loc\u{ad}alhost
    # loopback and this host, in every spelling of IPv4
    127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 0x7f.0x0.0x0.0x1
    127.0.0.1. 0 0.0.0.0 0.1.2.3 １２７.０.０.１ 127。0。0。1 %31%32%37.0.0.1
    127.0.0.1%2f 127%2e0%2e0%2e1 ①②⑦.⓪.⓪.① 0000177.0x0.0.1 0x7f000001. 127.0.0.256 256.0.0.1 0x100000000
    # private, shared, link-local, cloud metadata
    10.0.0.1 10.255.255.255 0xa000001 012.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 3232235521 100.64.0.1
    100.127.255.255 169.254.169.254 2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 0251.0376.0251.0376 169.254.170.2
    100.100.100.200 192.0.0.192 168.63.129.16
    10.128.0.1 172.20.10.1 192.168.255.255 169.254.0.1 127.10.20.30
    # set aside by the registries
    192.0.0.1 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1
    203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 224.0.0.251 250.1.2.3
    # IPv6
    [::] [::1] [0:0:0:0:0:0:0:1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254]
    [::ffff:8.8.8.8] [::ffff:0:127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::8.8.8.8] [64:ff9b:1::1] [100::1] [100:0:0:1::1]
    [2001::1] [2001:0:7f00:1::] [2001:2::1] [2001:10::1] [2001:20::1] [2001:30::1] [2001:1ff::1] [2001:db8::1]
    [2002:7f00:1::1] [2002:a9fe:a9fe::1] [2620:4f:8000::1] [3fff::1] [3fff:fff::1] [5f00::1] [fc00::1] [fd00:ec2::254]
    [fe80::1] [febf::1] [fec0::1] [ff02::1] [4000::1] [1000::1] [fe80::1%25eth0]
    [fe80::1%eth0] [::1%lo] [::1%250] [0::0] [::0.0.0.1] [::a9fe:a9fe] [::ffff:a00:1] [::FFFF:192.168.0.1] [fd20:ce::254]
    [64:ff9b::10.0.0.1] [64:ff9b:1:ffff::10.0.0.1] [2002:a00:1::] [2001:0:a00:1::1] [ff01::1] [ff0e::1] [feff::1] [1]
    [fd12:3456:789a::1] [ff05::2] [2001:db8:ffff::1]
";

/// Public ones, among them neighbours of each range above.
pub(crate) const PUBLIC_HOSTS: &str = "
    example.com EXAMPLE.com hooks.example.co.uk münchen.example.com xn--mnchen-3ya.example.com localhost.example.com
    internal.example.com notlocal.example.com mylocal.net a_b.example.com
    8.8.8.8 1.1.1.1 134744072 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.31.195.255 192.88.98.255
    192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255
    203.0.114.0 223.255.255.255
    [2001:200::1] [2001:4860:4860::8888] [2001:db7:ffff::1] [2001:db9::1] [2003::1] [2606:4700:4700::1111]
    [2620:4f:7fff::1] [2620:4f:8001::1] [3ffe::1] [3fff:1000::1] [2a00:1450:4001::1]
";

/// The words of a table, without its comments.
pub(crate) fn words(table: &str) -> Vec<&str> {
    table.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace).collect()
}

#[test]
fn every_private_host_is_refused_in_every_spelling() {
    let hosts = words(PRIVATE_HOSTS);
    assert!(hosts.len() >= 100, "{}", hosts.len());
    let passed: Vec<_> = hosts.iter().filter(|host| !refused(&format!("https://{host}/hook"))).collect();
    assert!(passed.is_empty(), "{passed:?}");
}

#[test]
fn public_hosts_are_taken() {
    let stopped: Vec<_> = words(PUBLIC_HOSTS).into_iter().filter(|host| refused(&format!("https://{host}/hook"))).collect();
    assert!(stopped.is_empty(), "{stopped:?}");
}

#[rstest]
#[case("https://example.com")]
#[case("https://example.com:443/a?b=c")]
#[case("https://example.com:8443/")]
#[case("HTTPS://EXAMPLE.COM/Hook")]
fn well_formed_urls_are_taken(#[case] text: &str) {
    assert!(WebhookUrl::parse(text, Loopback::Refused).is_ok());
}

#[rstest]
#[case::plain_http("http://example.com/")]
#[case::other_scheme("ftp://example.com/")]
#[case::websocket("wss://example.com/")]
#[case::file("file:///etc/passwd")]
#[case::script("javascript:alert(1)")]
#[case::relative("//example.com/")]
#[case::no_scheme("example.com/hook")]
#[case::empty("")]
#[case::no_host("https:///")]
#[case::user("https://user@example.com/")]
#[case::password("https://user:pass@example.com/")]
#[case::empty_password("https://:x@example.com/")]
#[case::user_that_looks_like_a_host("https://example.com@127.0.0.1/")]
#[case::fragment("https://example.com/#a")]
#[case::empty_fragment("https://example.com/#")]
#[case::port_80("https://example.com:80/")]
#[case::port_22("https://example.com:22/")]
#[case::port_0("https://example.com:0/")]
#[case::port_too_large("https://example.com:65536/")]
#[case::leading_space(" https://example.com/")]
#[case::tab("https://exam\tple.com/")]
#[case::line_break("https://example.com/\r\nx: y")]
#[case::backslash("https://example.com\\@127.0.0.1/")]
#[case::null("https://example.com/\0")]
fn other_urls_are_refused(#[case] text: &str) {
    for loopback in [Loopback::Refused, Loopback::Allowed] {
        assert!(WebhookUrl::parse(text, loopback).is_err(), "{text}");
    }
}

#[test]
fn another_port_is_taken_where_it_is_configured_and_its_problem_names_what_is() {
    let own = Policy::new(Loopback::Refused, "9443".parse().unwrap());
    assert!(WebhookUrl::parse("https://example.com:9443/", own).is_ok());
    assert_eq!(WebhookUrl::parse("https://example.com/", own).unwrap_err(), "must use port 9443");
    assert_eq!(WebhookUrl::parse("https://example.com:9443/", Loopback::Refused).unwrap_err(), "must use port 443 or 8443");
    assert!(WebhookUrl::parse("http://example.com:9443/", own).is_err(), "a port makes no scheme");
}

#[test]
fn a_url_may_have_2048_characters() {
    let prefix = "https://example.com/";
    let url = |length: usize| format!("{prefix}{}", "a".repeat(length - prefix.len()));
    assert!(!refused(&url(2048)));
    assert!(refused(&url(2049)));
}

#[rstest]
#[case("http://127.0.0.1:9000/hook")]
#[case("https://127.0.0.1/")]
#[case("http://[::1]:1/")]
#[case("http://localhost:8080/")]
#[case("http://a.localhost:8080/")]
fn loopback_is_taken_only_where_it_is_allowed(#[case] text: &str) {
    assert!(WebhookUrl::parse(text, Loopback::Allowed).is_ok_and(|url| url.is_loopback()));
    assert!(refused(text));
}

#[rstest]
#[case("http://10.0.0.1/")]
#[case("https://10.0.0.1/")]
#[case("http://0.0.0.0:80/")]
#[case("http://192.168.1.1:8080/")]
#[case("https://169.254.169.254/")]
#[case("https://[::ffff:127.0.0.1]/")]
#[case("ftp://localhost/")]
fn allowing_loopback_allows_nothing_else(#[case] text: &str) {
    assert!(WebhookUrl::parse(text, Loopback::Allowed).is_err());
}

#[test]
fn a_name_is_as_long_as_names_can_be_and_no_longer() {
    let label = |length: usize| "a".repeat(length);
    // 3 × 63, three dots between four labels, and 61: 253 in all.
    let longest = format!("https://{0}.{0}.{0}.{1}/", label(63), label(61));
    let url = WebhookUrl::parse(&longest, Loopback::Refused).unwrap();
    assert_eq!((url.as_str(), url.to_string()), (longest.as_str(), longest.clone()));
    for refused_one in [format!("https://{0}.{0}.{0}.{1}/", label(63), label(62)), format!("https://{}.com/", label(64))] {
        assert!(refused(&refused_one), "{refused_one}");
    }
    assert!(!refused(&format!("https://{}.com/", label(63))));
}

#[test]
fn no_problem_repeats_the_url() {
    for url in ["https://user:hunter2@example.com/", "http://hunter2.example.com/", "https://hunter2.local/", "https://hunter2"] {
        let problem = WebhookUrl::parse(url, Loopback::Refused).unwrap_err();
        assert!(!problem.contains("hunter2") && problem.starts_with("must"), "{problem}");
    }
}
