//! The carriers' own helper libraries judge: what they sign is taken, and refused with one bit changed; what they write
//! for the same answer is what we write. Vobiz has no library: its documented formula, written in another language.
//!
//! `TRUNKLINE_TEST_PYTHON` names a Python that has them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use carriers::{Answer, Credentials, Dial, DialTarget, Refused, RejectReason, Request, answer, verify};
use domain::{E164, carrier::Carrier};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Runs the script beside this file.
fn libraries(arguments: &[&str], input: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests are told by the environment where Python is")]
    let python = std::env::var("TRUNKLINE_TEST_PYTHON")
        .expect("TRUNKLINE_TEST_PYTHON names a Python that has the carriers' libraries: run cargo xtask test");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libraries.py");
    let mut command = Command::new(python);
    let mut child = command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the libraries disagree");
    String::from_utf8(output.stdout).unwrap()
}

/// A request that a library signed.
#[derive(Clone)]
struct Signed {
    method: Method,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    token: SecretString,
    /// What is signed: the URL, the body, or headers by their names.
    flip: Vec<String>,
}

impl Signed {
    fn read(line: &str) -> Self {
        let told: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let headers = told["headers"].as_object().unwrap();
        Self {
            method: text("method").parse().unwrap(),
            url: text("url"),
            headers: headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().into())).collect(),
            body: text("body").into(),
            token: text("token").into(),
            flip: told["flip"].as_array().unwrap().iter().map(|part| part.as_str().unwrap().to_owned()).collect(),
        }
    }

    fn verify(&self, carrier: Carrier, tokens: &[SecretString]) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            // What cannot be a header never arrives.
            headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).map_err(|_| Refused)?);
        }
        let request = Request { method: &self.method, url: &self.url, headers: &headers, body: &self.body };
        verify(carrier, &request, tokens).map(|_| ())
    }

    /// How many bits of one part can be flipped.
    fn bits(&self, part: &str) -> usize {
        8 * match part {
            "url" => self.url.len(),
            "body" => self.body.len(),
            header => self.headers.iter().find(|(name, _)| name == header).unwrap().1.len(),
        }
    }

    /// The request with one bit of a part flipped; `None` where that says the same, or is no text any more.
    fn flipped(&self, carrier: Carrier, part: &str, bit: usize) -> Option<Self> {
        let mut changed = self.clone();
        let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8);
        match part {
            "url" => {
                let mut url = changed.url.into_bytes();
                flip(&mut url);
                changed.url = String::from_utf8(url).ok()?;
            }
            "body" => flip(&mut changed.body),
            header => flip(&mut changed.headers.iter_mut().find(|(name, _)| name == header).unwrap().1),
        }
        let form = match part {
            "url" if carrier == Carrier::Plivo => self.url.as_bytes(),
            "body" if !self.headers.iter().any(|(_, value)| value.starts_with(b"application/json")) => &self.body,
            _ => return Some(changed),
        };
        // `%2b` and `%2B` are the same byte.
        let is_escape =
            |at: usize| at.checked_sub(1).is_some_and(|at| form[at] == b'%') || at.checked_sub(2).is_some_and(|at| form[at] == b'%');
        let says_the_same = bit % 8 == 5 && form[bit / 8].is_ascii_alphabetic() && is_escape(bit / 8);
        (!says_the_same).then_some(changed)
    }
}

/// A thousand requests: each is taken under the current or the previous token, and refused with any one of its bits flipped.
fn judge(carrier: Carrier) {
    let signed = libraries(&["sign", carrier.as_str(), "1000"], "");
    let other = SecretString::from("another token");
    let (mut taken, mut refused) = (0, 0);
    for line in signed.lines() {
        let request = Signed::read(line);
        let token = &request.token;
        for tokens in [&[token.clone()][..], &[other.clone(), token.clone()]] {
            assert_eq!(request.verify(carrier, tokens), Ok(()), "{line}");
        }
        assert_eq!(request.verify(carrier, std::slice::from_ref(&other)), Err(Refused), "{line}");
        assert_eq!(request.verify(carrier, &[]), Err(Refused), "{line}");
        taken += 1;
        for part in &request.flip {
            for bit in 0..request.bits(part) {
                let Some(changed) = request.flipped(carrier, part, bit) else { continue };
                assert_eq!(changed.verify(carrier, std::slice::from_ref(token)), Err(Refused), "bit {bit} of {part}: {line}");
                refused += 1;
            }
        }
    }
    assert!(taken == 1000 && refused > 500_000, "{taken} taken, {refused} refused");
}

#[test]
fn what_twilios_library_signs_is_taken_and_refused_with_one_bit_changed() {
    judge(Carrier::Twilio);
}

#[test]
fn what_plivos_library_signs_is_taken_and_refused_with_one_bit_changed() {
    judge(Carrier::Plivo);
}

#[test]
fn what_vobizs_formula_signs_is_taken_and_refused_with_one_bit_changed() {
    judge(Carrier::Vobiz);
}

/// Texts that would end an attribute, an element or a header if they could.
const HOSTILE: [&str; 8] = ["plain", "a b", "<&>\"'", "]]>", "&amp;", "Zoë 電話 🙂", "a=b,c?d", "line\r\nbreak\t"];

/// An answer and its description for the libraries.
fn described(carrier: Carrier, described: Value, given: &Answer<'_>) -> Value {
    let mut described = described;
    described["carrier"] = carrier.as_str().into();
    described["xml"] = answer(carrier, given).into();
    described
}

fn dialled(carrier: Carrier, index: usize) -> Value {
    let text = |offset: usize| HOSTILE[(index / 4 + offset) % HOSTILE.len()];
    let (is_number, has_credentials) = (index & 1 == 1, index & 2 == 2);
    let status_url = format!("https://tel.example.test/c/{}", text(0));
    let number: E164 = "+12025550123".parse().unwrap();
    let password = SecretString::from(text(3));
    let headers = vec![("X-Team", text(4)), ("X-Plain", "Sales42"), ("X-Customer-Id", text(5)), ("X-Ü", "1")];
    let target = if is_number {
        DialTarget::Number(&number)
    } else {
        let credentials = has_credentials.then_some(Credentials { username: text(6), password: &password });
        DialTarget::Sip { uri: "sip:+12025550123@sip.example.com:5060;transport=tcp", credentials, headers: headers.clone() }
    };
    let mut told = json!({ "status_url": status_url });
    if is_number {
        told["number"] = number.as_str().into();
    } else {
        told["uri"] = "sip:+12025550123@sip.example.com:5060;transport=tcp".into();
        told["headers"] = json!(headers);
        told["username"] = json!(has_credentials.then(|| text(6)));
        told["password"] = json!(has_credentials.then(|| text(3)));
    }
    described(carrier, json!({ "dial": told }), &Answer::Dial(Dial { target, status_url: &status_url }))
}

#[test]
fn the_libraries_write_the_same_xml_for_the_same_answer() {
    let mut answers = Vec::new();
    for carrier in Carrier::ALL {
        answers.push(described(carrier, json!({"reject": "busy"}), &Answer::Reject(RejectReason::Busy)));
        answers.push(described(carrier, json!({"reject": "rejected"}), &Answer::Reject(RejectReason::Rejected)));
        answers.push(described(carrier, json!({}), &Answer::HangUp));
        answers.extend((0..4 * HOSTILE.len()).map(|index| dialled(carrier, index)));
    }
    assert_eq!(libraries(&["compare"], &json!(answers).to_string()), "105 answers equal\n");
}
