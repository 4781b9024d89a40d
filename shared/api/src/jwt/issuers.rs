//! Which issuers' tokens are believed: read from one setting at start. A token has no say in it.

use std::{fmt, str::FromStr};

use http::Uri;

/// The most issuers.
const MAX_ISSUERS: usize = 8;

/// The longest name of an issuer, in bytes.
const MAX_NAME_BYTES: usize = 512;

/// What a token is for unless the setting says otherwise: how Supabase Auth names users who are signed in.
const AUDIENCE: &str = "authenticated";

/// Where an issuer publishes its keys unless the setting says otherwise: as Supabase Auth does.
const JWKS_PATH: &str = "/.well-known/jwks.json";

/// A signature algorithm. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Rs256,
    Hs256,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::Hs256];

    /// The name in a token's header and in the setting.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// From what the issuer publishes at this address.
    Jwks(Uri),
    /// From the secret that the operator has stored.
    Secret,
}

/// An issuer whose tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    /// Its name, exactly as its tokens tell it.
    pub(crate) name: String,
    /// Where its keys come from.
    pub(crate) keys: KeySource,
    /// The algorithms that it signs with.
    pub(crate) algorithms: Vec<Algorithm>,
    /// What its tokens must be for.
    pub(crate) audience: String,
}

/// The issuers whose tokens are believed; none by default.
///
/// As text: issuers with semicolons between them, each a few words. The first word is the issuer's name exactly as its
/// tokens tell it, the second its algorithms with commas between them: `ES256`, `RS256`, or `HS256` alone. Then may follow
/// `jwks=URL`, by default the name and `/.well-known/jwks.json`, and `audience=NAME`, by default `authenticated`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuers(pub(crate) Vec<Issuer>);

/// The text names no issuers.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidIssuers {
    /// Which of them is wrong, from 1.
    at: usize,
    problem: String,
}

impl fmt::Display for InvalidIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is wrong for issuer {}: {}; write such as «https://example.supabase.co/auth/v1 ES256»", self.at, self.problem)
    }
}

impl std::error::Error for InvalidIssuers {}

impl FromStr for Issuers {
    type Err = InvalidIssuers;

    fn from_str(text: &str) -> Result<Self, InvalidIssuers> {
        let mut issuers: Vec<Issuer> = Vec::new();
        for (at, words) in (1..).zip(text.split(';')) {
            let fault = |problem: String| InvalidIssuers { at, problem };
            if at > MAX_ISSUERS {
                return Err(fault(format!("there may be at most {MAX_ISSUERS}")));
            }
            let issuer = issuer(words).map_err(fault)?;
            if issuers.iter().any(|other| other.name == issuer.name) {
                return Err(fault(format!("{} stands twice", issuer.name)));
            }
            issuers.push(issuer);
        }
        Ok(Self(issuers))
    }
}

fn issuer(words: &str) -> Result<Issuer, String> {
    let mut words = words.split_whitespace();
    let name = words.next().ok_or("its name is missing")?;
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("its name has more than {MAX_NAME_BYTES} bytes"));
    }
    let algorithms = algorithms(words.next().ok_or("its algorithms are missing")?)?;
    let (mut jwks, mut audience) = (None, None);
    for word in words {
        let (option, value) = word.split_once('=').unwrap_or((word, ""));
        let place = match option {
            "jwks" => &mut jwks,
            "audience" => &mut audience,
            _ => return Err(format!("{option} is no option: jwks and audience are")),
        };
        if value.is_empty() || place.replace(value.to_owned()).is_some() {
            return Err(format!("{option} must be told once, as {option}=VALUE"));
        }
    }
    let keys = match (algorithms.contains(&Algorithm::Hs256), jwks) {
        (true, None) => KeySource::Secret,
        (true, Some(_)) => return Err("HS256 goes by a secret, so there can be no jwks".to_owned()),
        (false, jwks) => KeySource::Jwks(address(&jwks.unwrap_or_else(|| format!("{}{JWKS_PATH}", name.trim_end_matches('/'))))?),
    };
    Ok(Issuer { name: name.to_owned(), keys, algorithms, audience: audience.unwrap_or_else(|| AUDIENCE.to_owned()) })
}

/// HS256 stands alone: an issuer with public keys must not be believed by a secret too.
fn algorithms(names: &str) -> Result<Vec<Algorithm>, String> {
    let mut algorithms = Vec::new();
    for name in names.split(',') {
        let algorithm = Algorithm::named(name).ok_or_else(|| format!("{name} is no algorithm: ES256, RS256 and HS256 are"))?;
        if algorithms.contains(&algorithm) {
            return Err(format!("{name} stands twice"));
        }
        algorithms.push(algorithm);
    }
    if algorithms.len() > 1 && algorithms.contains(&Algorithm::Hs256) {
        return Err("HS256 can stand beside no other algorithm".to_owned());
    }
    Ok(algorithms)
}

/// Where keys are published: by `https`, or on this machine by `http`, as in a local cloud.
fn address(text: &str) -> Result<Uri, String> {
    let wrong = || format!("{text} is no https address");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(wrong)?;
    let local = matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost");
    let sound = scheme == "https" || (scheme == "http" && local);
    if sound && !authority.as_str().contains('@') { Ok(uri) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Issuer> {
        text.parse::<Issuers>().unwrap().0
    }

    #[test]
    fn a_name_and_an_algorithm_are_enough() {
        let issuers = read("https://x.supabase.co/auth/v1 ES256,RS256");
        let issuer = &issuers[0];
        assert_eq!((issuer.name.as_str(), issuer.audience.as_str()), ("https://x.supabase.co/auth/v1", "authenticated"));
        assert_eq!(issuer.algorithms, [Algorithm::Es256, Algorithm::Rs256]);
        let jwks = "https://x.supabase.co/auth/v1/.well-known/jwks.json".parse().unwrap();
        assert_eq!(issuer.keys, KeySource::Jwks(jwks));
    }

    #[test]
    fn several_issuers_have_settings_of_their_own() {
        let issuers = read(" own RS256 audience=people jwks=http://127.0.0.1:9/keys ; old HS256");
        assert_eq!((issuers[0].name.as_str(), issuers[0].audience.as_str()), ("own", "people"));
        assert_eq!(issuers[0].keys, KeySource::Jwks("http://127.0.0.1:9/keys".parse().unwrap()));
        assert_eq!((issuers[1].name.as_str(), &issuers[1].keys), ("old", &KeySource::Secret));
    }

    #[test]
    fn a_name_has_so_many_bytes_at_most() {
        let named = |bytes| format!("{} HS256", "n".repeat(bytes)).parse::<Issuers>();
        assert!(named(MAX_NAME_BYTES).is_ok());
        assert!(named(MAX_NAME_BYTES + 1).unwrap_err().to_string().contains("its name has more than"));
    }

    #[test]
    fn what_is_malformed_is_refused_and_says_where() {
        for (wrong, says) in [
            ("", "issuer 1: its name is missing"),
            ("https://a.example", "its algorithms are missing"),
            ("https://a.example ES256;", "issuer 2: its name is missing"),
            ("https://a.example none", "none is no algorithm"),
            ("https://a.example es256", "es256 is no algorithm"),
            ("https://a.example ES256,ES256", "ES256 stands twice"),
            ("https://a.example ES256,HS256", "HS256 can stand beside no other"),
            ("https://a.example HS256 jwks=https://a.example/k", "there can be no jwks"),
            ("https://a.example ES256 jwks=", "jwks must be told once"),
            ("https://a.example ES256 audience=a audience=b", "audience must be told once"),
            ("https://a.example ES256 secret=x", "secret is no option"),
            ("http://a.example ES256", "is no https address"),
            ("https://u:p@a.example ES256", "is no https address"),
            ("a ES256", "is no https address"),
            ("a ES256 jwks=file:///etc/passwd", "is no https address"),
            ("https://a.example ES256; https://a.example RS256", "issuer 2: https://a.example stands twice"),
            ("a HS256;b HS256;c HS256;d HS256;e HS256;f HS256;g HS256;h HS256;i HS256", "issuer 9: there may be at most 8"),
        ] {
            let told = wrong.parse::<Issuers>().unwrap_err().to_string();
            assert!(told.contains(says), "{wrong}: {told}");
        }
    }
}
