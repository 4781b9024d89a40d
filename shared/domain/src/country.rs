//! Countries by their ISO 3166-1 alpha-2 code.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An assigned ISO 3166-1 alpha-2 code in upper case, such as `NG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

/// The text is no assigned ISO 3166-1 alpha-2 code.
#[derive(Debug, thiserror::Error)]
#[error("must be an ISO 3166-1 alpha-2 country code such as US")]
pub struct InvalidCountry;

impl Country {
    /// `ZZ`, which ISO 3166-1 leaves to its users and CLDR reads as «unknown»: stands with a number that belongs to no
    /// country. Nobody can name it: it is not read from text.
    pub const UNKNOWN: Self = Self(*b"ZZ");

    /// Every assigned code, in the order of the alphabet.
    pub fn all() -> impl Iterator<Item = Self> {
        let mut codes: Vec<Self> = rust_iso3166::ALL.iter().filter_map(|country| country.alpha2.parse().ok()).collect();
        codes.sort();
        codes.into_iter()
    }

    /// The code's two letters.
    #[must_use]
    pub const fn letters(self) -> [u8; 2] {
        self.0
    }
}

impl FromStr for Country {
    type Err = InvalidCountry;

    /// Reads a code in either case.
    fn from_str(text: &str) -> Result<Self, InvalidCountry> {
        let &[a, b] = text.as_bytes() else { return Err(InvalidCountry) };
        let letters = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
        let code = std::str::from_utf8(&letters).map_err(|_| InvalidCountry)?;
        rust_iso3166::from_alpha2(code).map(|_| Self(letters)).ok_or(InvalidCountry)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assigned_codes_are_countries() {
        assert_eq!("ng".parse::<Country>().unwrap().to_string(), "NG");
        for wrong in ["", "N", "NGA", "ZZ", "éé", "1A"] {
            assert!(wrong.parse::<Country>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_country_is_shown_and_not_read() {
        assert_eq!(serde_json::to_value(Country::UNKNOWN).unwrap(), "ZZ");
        assert!(serde_json::from_str::<Country>("\"ZZ\"").is_err());
    }
}
