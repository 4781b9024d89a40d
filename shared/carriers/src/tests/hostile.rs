//! Whatever is sent, nothing panics, and what is read keeps within what events can carry.

use domain::carrier::Carrier;
use http::Method;
use proptest::prelude::*;

use super::Sent;

/// Forms made of the names and words that mean something, and of anything.
fn forms() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        "CallSid|CallUUID|ParentCallSid|From|To|Direction|CallStatus|DialCallStatus|DialStatus|DialAction|DialALegUUID|ALegUUID",
        "Event|Duration|CallDuration|HangupCause|HangupCauseCode|HangupCauseName|HangupSource|SipResponseCode|TotalCost|Currency",
        "RecordUrl|RecordingUrl|RecordingStatus|RecordingID|Timestamp|SequenceNumber|DialBLegDuration|DialHangupCause",
        "\\PC{0,8}",
    ];
    let value = prop_oneof![
        "completed|busy|failed|ringing|in-progress|hangup|Ring|StartApp|answer|USD|inbound|outbound",
        "[0-9]{0,24}",
        "-?[0-9]{1,3}(\\.[0-9]{0,10})?",
        "https?://[a-z%:/]{0,20}",
        "sips?:[^ ]{0,20}",
        "(?s).{0,40}",
    ];
    let form = prop::collection::vec((name, value), 0..12).prop_map(|pairs| {
        let pair = |(name, value): (String, String)| {
            format!("{name}={}", percent_encoding::percent_encode(value.as_bytes(), percent_encoding::NON_ALPHANUMERIC))
        };
        pairs.into_iter().map(pair).collect::<Vec<_>>().join("&").into_bytes()
    });
    prop_oneof![4 => form, 1 => prop::collection::vec(any::<u8>(), 0..200), 1 => "\\{\"CallUUID\": ?.{0,60}\\}".prop_map(String::into_bytes)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_read_or_not_without_a_panic(body in forms(), query in "[ -~]{0,60}", is_get: bool, json: bool) {
        let mut sent = Sent::post(&format!("/voice?{query}"), body);
        if is_get {
            sent.method = Method::GET;
        }
        if json {
            sent = sent.with("content-type", "application/json");
        }
        for carrier in Carrier::ALL {
            if let Ok(asked) = sent.voice(carrier) {
                prop_assert!((1..=128).contains(&asked.carrier_call_id.len()));
                for party in [&asked.from, &asked.to] {
                    prop_assert!((1..=64).contains(&party.shown.chars().count()) && !party.shown.chars().any(char::is_control));
                }
            }
            if let Ok(Some(callback)) = sent.status(carrier) {
                let facts = &callback.facts;
                prop_assert!((1..=128).contains(&callback.carrier_call_id.len()));
                prop_assert!(facts.recording_url.as_ref().is_none_or(|url| url.len() <= 2048));
                prop_assert!(callback.kind.is_terminal() == facts.status.is_some() && callback.kind.as_str().len() <= 64);
            }
        }
    }

    #[test]
    fn anything_is_refused_without_a_panic(
        body in forms(), url in "(https?://)?[ -~]{0,60}", header in "[ -~]{0,80}", nonce in "[!-~]{0,30}", is_get: bool,
    ) {
        let mut sent = Sent::post("", body)
            .with("x-twilio-signature", &header)
            .with("x-twilio-webhooks-signature-settings", &nonce)
            .with("x-plivo-signature-v3", &header)
            .with("x-plivo-signature-v3-nonce", &nonce)
            .with("x-vobiz-signature-v2", &header)
            .with("x-vobiz-signature-v2-nonce", &nonce);
        sent.url = url;
        if is_get {
            sent.method = Method::GET;
        }
        for carrier in Carrier::ALL {
            prop_assert!(sent.verify(carrier, &["token", ""]).is_err());
        }
    }
}
