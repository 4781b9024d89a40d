//! Published and agreed check vectors, and what is refused.

use domain::carrier::Carrier::{Plivo, Twilio, Vobiz};
use rstest::rstest;

use super::Sent;
use crate::{MAX_BODY_BYTES, MAX_PARAMETERS, Refused, Verified};

const TWILIO_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const TWILIO_BODY: &str = "CallSid=CA00000000000000000000000000000001&CallStatus=ringing&From=%2B14155550100&To=%2B12025550123";
const PLIVO_TOKEN: &str = "plivo-test-token";
const PLIVO_BODY: &str = "CallStatus=ringing&CallUUID=11111111-2222-3333-4444-555555555555&From=14155550100&To=12025550123";
const VOBIZ_TOKEN: &str = "vobiz-test-token";
const NONCE: &str = "12345678901234567890";
const SHA256: &str = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256";

fn twilio(signature: &str) -> Sent {
    Sent::post("/carriers/twilio/voice?org=o1", TWILIO_BODY).with("x-twilio-signature", signature)
}

fn plivo(sent: Sent, signature: &str) -> Sent {
    sent.with("x-plivo-signature-v3", signature).with("x-plivo-signature-v3-nonce", NONCE)
}

fn nonces(nonces: &[&str]) -> Result<Verified, Refused> {
    Ok(Verified { nonces: nonces.iter().map(|nonce| (*nonce).to_owned()).collect() })
}

#[rstest]
#[case::as_it_came("GOfXxnj7S8OJOpq92YLQpMd0njM=", None)]
#[case::with_the_port("/w6eDuJf8c/+lGQs5Ula97/dktk=", None)]
#[case::sha256("iohKZzP7tVaO1t2O/7uECIA3yeuxFVlJw9LEZesn2Bw=", Some(SHA256))]
fn twilios_vectors_are_met_with_the_current_and_the_previous_token(#[case] signature: &str, #[case] settings: Option<&str>) {
    let sent = settings.into_iter().fold(twilio(signature), |sent, settings| sent.with("x-twilio-webhooks-signature-settings", settings));
    for tokens in [&[TWILIO_TOKEN][..], &["new", TWILIO_TOKEN], &["new", "newer", TWILIO_TOKEN]] {
        assert_eq!(sent.verify(Twilio, tokens), nonces(&[]));
    }
    let with_port = Sent { url: sent.url.replacen(".test/", ".test:443/", 1), ..sent.clone() };
    assert_eq!(with_port.verify(Twilio, &[TWILIO_TOKEN]), nonces(&[]));
    let other_port = Sent { url: sent.url.replacen(".test/", ".test:8443/", 1), ..sent };
    assert_eq!(other_port.verify(Twilio, &[TWILIO_TOKEN]), Err(Refused));
}

/// From Twilio's page "Webhooks security".
#[test]
fn twilios_published_vector_is_met() {
    let body = "Digits=1234&To=%2B18005551212&From=%2B14158675310&Caller=%2B14158675310&CallSid=CA1234567890ABCDE";
    let mut sent = Sent::post("", body).with("x-twilio-signature", "L/OH5YylLD5NRKLltdqwSvS0BnU=");
    sent.url = "https://example.com/myapp.php?foo=1&bar=2".to_owned();
    assert_eq!(sent.verify(Twilio, &["12345"]), nonces(&[]));
}

#[rstest]
#[case::sha1_announced_as_sha256("GOfXxnj7S8OJOpq92YLQpMd0njM=", SHA256)]
#[case::an_unknown_algorithm("GOfXxnj7S8OJOpq92YLQpMd0njM=", "key=k,algorithm=HMAC_MD5")]
#[case::sha256_announced_as_sha1("iohKZzP7tVaO1t2O/7uECIA3yeuxFVlJw9LEZesn2Bw=", "key=k,algorithm=HMAC_SHA1")]
fn twilios_algorithm_is_the_one_that_is_announced(#[case] signature: &str, #[case] settings: &str) {
    let sent = twilio(signature).with("x-twilio-webhooks-signature-settings", settings);
    assert_eq!(sent.verify(Twilio, &[TWILIO_TOKEN]), Err(Refused));
    let unannounced = twilio("GOfXxnj7S8OJOpq92YLQpMd0njM=").with("x-twilio-webhooks-signature-settings", "key=k");
    assert_eq!(unannounced.verify(Twilio, &[TWILIO_TOKEN]), nonces(&[]));
}

#[rstest]
#[case::with_query(Sent::post("/carriers/plivo/voice?org=o1", PLIVO_BODY), "QI45v21ncLuqwdhR/PkA9XxW1zW7oaTFodTWKRV8lNI=")]
#[case::without_query(Sent::post("/carriers/plivo/voice", PLIVO_BODY), "Y8jLtvKGVApN4duWAYg9YWF7I74/OmwnjVSw7MFAI5I=")]
#[case::without_body(Sent::post("/carriers/plivo/voice?org=o1", ""), "jM7mBGX+I45ybp0yt+TAPM5O1GlDJaL8oc3MLSotx8s=")]
#[case::get(Sent::get(&format!("/carriers/plivo/voice?org=o1&{PLIVO_BODY}")), "jHeiPxSRLbDuAIbhnFYqElQBExeh/07OqxbVXGguaSA=")]
fn plivos_vectors_are_met(#[case] sent: Sent, #[case] signature: &str) {
    assert_eq!(plivo(sent.clone(), signature).verify(Plivo, &["new", PLIVO_TOKEN]), nonces(&[NONCE]));
    assert_eq!(plivo(sent.clone(), &format!("bm9uZQ==,{signature}")).verify(Plivo, &[PLIVO_TOKEN]), nonces(&[NONCE]));
    let main = sent.with("x-plivo-signature-ma-v3", signature).with("x-plivo-signature-v3-nonce", NONCE);
    assert_eq!(main.verify(Plivo, &[PLIVO_TOKEN]), nonces(&[NONCE]));
}

const VOBIZ_V2: &str = "whAegFgaVPvmdQB4mYYCNfF2h4lFPm8zXIZJV2rHius=";
const VOBIZ_V3: &str = "WCyZ1acVM40MvP6WP5VVeyoT//QvXobwRwv3rE2DUoo=";

#[rstest]
#[case("x-vobiz-signature-v2", "x-vobiz-signature-v2-nonce", VOBIZ_V2)]
#[case("x-vobiz-signature-ma-v2", "x-vobiz-signature-v2-nonce", VOBIZ_V2)]
#[case("x-vobiz-signature-v3", "x-vobiz-signature-v3-nonce", VOBIZ_V3)]
#[case("x-vobiz-signature-ma-v3", "x-vobiz-signature-v3-nonce", VOBIZ_V3)]
fn vobizs_vectors_are_met_whatever_the_body(#[case] header: &'static str, #[case] nonce: &'static str, #[case] signature: &str) {
    for body in ["", PLIVO_BODY, r#"{"CallUUID": "1"}"#] {
        let sent = Sent::post("/carriers/vobiz/voice?any=query", body).with(header, signature).with(nonce, NONCE);
        assert_eq!(sent.verify(Vobiz, &["new", VOBIZ_TOKEN]), nonces(&[NONCE]));
        assert_eq!(sent.verify(Vobiz, &["new"]), Err(Refused));
    }
}

/// Else a request that was seen with both would come again with the one whose nonce nobody knows.
#[test]
fn both_nonces_of_vobiz_are_told() {
    let v2 = Sent::post("/carriers/vobiz/voice", "").with("x-vobiz-signature-v2", VOBIZ_V2).with("x-vobiz-signature-v2-nonce", NONCE);
    let same = v2.clone().with("x-vobiz-signature-v3", VOBIZ_V3).with("x-vobiz-signature-v3-nonce", NONCE);
    assert_eq!(same.verify(Vobiz, &[VOBIZ_TOKEN]), nonces(&[NONCE]));
    // base64(HMAC-SHA256("vobiz-test-token", "https://tel.example.test/carriers/vobiz/voice.7"))
    assert_eq!(crate::nonces(Vobiz, &same.request()), [NONCE], "offered are the same");
    let both = v2.with("x-vobiz-signature-v3", "jiKMJnIqnulL5oLKyABseutI+qBOOKWWVByfld8LTVc=").with("x-vobiz-signature-v3-nonce", "7");
    assert_eq!(both.verify(Vobiz, &[VOBIZ_TOKEN]), nonces(&["7", NONCE]));
    assert_eq!(crate::nonces(Vobiz, &both.request()), ["7", NONCE]);
}

#[test]
fn a_request_offers_its_nonces_whoever_signed_it() {
    let forged = plivo(Sent::post("/carriers/plivo/voice", PLIVO_BODY), "d3Jvbmc=");
    assert_eq!(crate::nonces(Plivo, &forged.request()), [NONCE]);
    assert!(crate::nonces(Vobiz, &forged.request()).is_empty() && crate::nonces(Twilio, &forged.request()).is_empty());
    let unfit = forged.with("x-plivo-signature-v3-nonce", "1.2");
    assert!(crate::nonces(Plivo, &unfit.request()).is_empty(), "a nonce that would be refused is none");
}

#[rstest]
#[case::nothing(&[])]
#[case::an_empty_signature(&[("x-twilio-signature", ""), ("x-plivo-signature-v3", ""), ("x-vobiz-signature-v3", "")])]
#[case::no_base64(&[("x-twilio-signature", "?"), ("x-plivo-signature-v3", "?"), ("x-vobiz-signature-v3", "?")])]
#[case::commas(&[("x-twilio-signature", ",,,"), ("x-plivo-signature-v3", ",,,"), ("x-vobiz-signature-v3", ",,,")])]
fn a_missing_or_malformed_signature_is_refused(#[case] headers: &[(&'static str, &str)]) {
    let bare = Sent::post("/carriers/x/voice", TWILIO_BODY);
    let nonced = bare.clone().with("x-plivo-signature-v3-nonce", NONCE).with("x-vobiz-signature-v3-nonce", NONCE);
    for sent in [bare, nonced] {
        let sent = headers.iter().fold(sent, |sent, (name, value)| sent.with(name, value));
        for carrier in [Twilio, Plivo, Vobiz] {
            assert_eq!(sent.verify(carrier, &[TWILIO_TOKEN, ""]), Err(Refused), "{carrier}");
        }
    }
}

/// What stands before the dot and what after it must not be for the sender to say.
#[test]
fn a_nonce_holds_no_dot() {
    let honest = Sent::post("/carriers/plivo/voice", "a=b.1");
    // base64(HMAC-SHA256("plivo-test-token", "https://tel.example.test/carriers/plivo/voice?ab.1.2"))
    let signature = "hBGBD97v5/lX+yR0AosmTaXlNQonOkdDpjqxPFMvX2M=";
    let signed = honest.with("x-plivo-signature-v3", signature).with("x-plivo-signature-v3-nonce", "2");
    assert_eq!(signed.verify(Plivo, &[PLIVO_TOKEN]), nonces(&["2"]));
    let moved = Sent { body: b"a=b".to_vec(), ..signed }.with("x-plivo-signature-v3-nonce", "1.2");
    assert_eq!(moved.verify(Plivo, &[PLIVO_TOKEN]), Err(Refused));
    for wrong in ["", " ", "a b", &"1".repeat(65)] {
        assert_eq!(moved.clone().with("x-plivo-signature-v3-nonce", wrong).verify(Plivo, &[PLIVO_TOKEN]), Err(Refused), "{wrong:?}");
    }
}

#[test]
fn what_no_carrier_sends_is_refused_before_its_signature_is_looked_at() {
    let signed = |body: Vec<u8>| Sent { body, ..twilio("GOfXxnj7S8OJOpq92YLQpMd0njM=") };
    for body in [vec![b'a'; MAX_BODY_BYTES + 1], "a=1&".repeat(MAX_PARAMETERS + 1).into(), b"a=%FF".to_vec(), b"\xFF".to_vec()] {
        assert_eq!(signed(body).verify(Twilio, &[TWILIO_TOKEN]), Err(Refused));
    }
    let get_with_body = Sent { method: http::Method::GET, ..twilio("GOfXxnj7S8OJOpq92YLQpMd0njM=") };
    assert_eq!(get_with_body.verify(Twilio, &[TWILIO_TOKEN]), Err(Refused));
}

#[test]
fn no_refusal_says_why() {
    assert_eq!(Refused.to_string(), "the request carries no valid signature of its carrier");
}
