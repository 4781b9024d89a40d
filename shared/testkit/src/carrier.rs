//! A carrier as it speaks to us: forms, signed as each carrier's own documentation says, by code of the tests' own.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::carrier::Carrier;
use http::HeaderMap;

/// A carrier's account and the URLs that it was given.
#[derive(Debug, Clone)]
pub struct Account {
    /// The carrier.
    pub carrier: Carrier,
    /// The credential's id.
    pub id: String,
    /// What it signs with.
    pub token: String,
    /// Where it asks.
    pub voice: String,
    /// Where it tells.
    pub status: String,
}

/// What a carrier knows its account by.
#[must_use]
pub const fn account_id(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Twilio => "AC0123456789abcdef0123456789ab1234",
        Carrier::Plivo => "MA0123456789ABCDEFGH",
        Carrier::Vobiz => "vobiz-account",
    }
}

/// A form as it is posted.
#[must_use]
pub fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

fn signed_with(algorithm: hmac::Algorithm, token: &str, text: &str) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(algorithm, token.as_bytes()), text.as_bytes()))
}

impl Account {
    /// The headers of a posted form, as the carrier's own documentation says that it makes them.
    #[must_use]
    pub fn signed(&self, url: &str, form: &[(&str, &str)], nonce: &str) -> HeaderMap {
        let mut sorted = form.to_vec();
        sorted.sort_unstable();
        let joined: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let mut put = |name: &'static str, value: String| drop(headers.insert(name, value.parse().unwrap()));
        match self.carrier {
            Carrier::Twilio => {
                put("x-twilio-signature", signed_with(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.token, &format!("{url}{joined}")));
            }
            Carrier::Plivo => {
                let dot = if query.is_empty() { "" } else { "." };
                let text = format!("{base}?{query}{dot}{joined}.{nonce}");
                put("x-plivo-signature-v3", signed_with(hmac::HMAC_SHA256, &self.token, &text));
                put("x-plivo-signature-v3-nonce", nonce.to_owned());
            }
            Carrier::Vobiz => {
                put("x-vobiz-signature-v3", signed_with(hmac::HMAC_SHA256, &self.token, &format!("{base}.{nonce}")));
                put("x-vobiz-signature-v3-nonce", nonce.to_owned());
            }
        }
        headers
    }

    /// The headers of a form that Twilio posts where the account has a key for its webhooks.
    #[must_use]
    pub fn signed_sha256(&self, url: &str, form: &[(&str, &str)]) -> HeaderMap {
        let mut sorted = form.to_vec();
        sorted.sort_unstable();
        let joined: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        headers.insert("x-twilio-webhooks-signature-settings", "key=webhooks_1,algorithm=HMAC_SHA256".parse().unwrap());
        let signature = signed_with(hmac::HMAC_SHA256, &self.token, &format!("{url}{joined}"));
        headers.insert("x-twilio-signature", signature.parse().unwrap());
        headers
    }

    /// The headers of Vobiz' other scheme.
    #[must_use]
    pub fn signed_v2(&self, url: &str, nonce: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let signature = signed_with(hmac::HMAC_SHA256, &self.token, &format!("{url}{nonce}"));
        headers.insert("x-vobiz-signature-v2", signature.parse().unwrap());
        headers.insert("x-vobiz-signature-v2-nonce", nonce.parse().unwrap());
        headers
    }

    /// A question of this carrier: a call from +14155550100 to this number.
    #[must_use]
    pub fn question<'a>(&self, call: &'a str, to: &'a str) -> Vec<(&'static str, &'a str)> {
        let bare = to.strip_prefix('+').unwrap_or(to);
        match self.carrier {
            Carrier::Twilio => vec![
                ("CallSid", call),
                ("AccountSid", "AC0123456789abcdef0123456789ab1234"),
                ("From", "+14155550100"),
                ("To", to),
                ("CallStatus", "ringing"),
                ("Direction", "inbound"),
                ("ApiVersion", "2010-04-01"),
            ],
            Carrier::Plivo | Carrier::Vobiz => vec![
                ("CallUUID", call),
                ("From", "14155550100"),
                ("To", bare),
                ("CallStatus", "ringing"),
                ("Direction", "inbound"),
                ("Event", "StartApp"),
            ],
        }
    }

    /// The carrier's id of a call.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        match self.carrier {
            Carrier::Twilio => "CA00000000000000000000000000000001",
            Carrier::Plivo => "11111111-2222-4333-8444-555555555555",
            Carrier::Vobiz => "6fa459ea-ee8a-4ca4-894e-db77e160355e",
        }
    }

    /// What the carrier tells of a call that is answered, talked on for 30 s and ended by the caller: the forms that it
    /// posts, in the order in which things happen.
    #[must_use]
    pub fn answered<'a>(&self, call: &'a str, to: &'a str) -> Vec<Vec<(&'static str, &'a str)>> {
        let mut caller = self.question(call, to);
        let with = |caller: &[(&'static str, &'a str)], more: &[(&'static str, &'a str)]| {
            let kept = caller.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name)).copied();
            kept.chain(more.iter().copied()).collect::<Vec<_>>()
        };
        match self.carrier {
            Carrier::Twilio => {
                let leg = |status, sequence, time| {
                    vec![
                        ("CallSid", "CA00000000000000000000000000000002"),
                        ("ParentCallSid", call),
                        ("From", "+14155550100"),
                        ("To", "sip:agent-7@sip.vogent.ai"),
                        ("Direction", "outbound-dial"),
                        ("CallStatus", status),
                        ("SequenceNumber", sequence),
                        ("Timestamp", time),
                    ]
                };
                vec![
                    leg("initiated", "0", "Fri, 02 Jan 2026 03:04:05 +0000"),
                    leg("ringing", "1", "Fri, 02 Jan 2026 03:04:06 +0000"),
                    leg("in-progress", "2", "Fri, 02 Jan 2026 03:04:10 +0000"),
                    [leg("completed", "3", "Fri, 02 Jan 2026 03:04:40 +0000"), vec![("CallDuration", "30")]].concat(),
                    with(&caller, &[("CallStatus", "in-progress"), ("DialCallStatus", "completed"), ("DialCallDuration", "30")]),
                    with(&caller, &[("CallStatus", "completed"), ("CallDuration", "30"), ("Timestamp", "Fri, 02 Jan 2026 03:04:40 +0000")]),
                ]
            }
            Carrier::Plivo | Carrier::Vobiz => {
                caller.retain(|(name, _)| *name != "Event");
                let leg = |more: &[(&'static str, &'a str)]| {
                    [&[("DialALegUUID", call), ("DialBLegUUID", "99999999-2222-4333-8444-555555555555")], more].concat()
                };
                vec![
                    leg(&[("DialAction", "answer"), ("DialBLegStatus", "answer")]),
                    leg(&[
                        ("DialAction", "hangup"),
                        ("DialBLegStatus", "hangup"),
                        ("DialBLegDuration", "30"),
                        ("DialBLegHangupSource", "Caller"),
                    ]),
                    with(&caller, &[("CallStatus", "in-progress"), ("DialStatus", "completed"), ("DialALegUUID", call)]),
                    with(
                        &caller,
                        &[
                            ("CallStatus", "completed"),
                            ("Event", "Hangup"),
                            ("Duration", "30"),
                            ("BillDuration", "60"),
                            ("HangupCause", "NORMAL_CLEARING"),
                            ("HangupCauseCode", "4000"),
                            ("HangupCauseName", "Normal Hangup"),
                            ("HangupSource", "Caller"),
                            ("AnswerTime", "2026-01-02 03:04:10"),
                            ("EndTime", "2026-01-02 03:04:40"),
                        ],
                    ),
                ]
            }
        }
    }
}
