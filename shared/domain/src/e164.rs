//! Phone numbers in one shape: E.164.

use std::{fmt, str::FromStr};

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Country, inventory::NumberType};

/// A phone number as ITU-T E.164 writes it: `+`, then 7 to 15 digits of which the first is not 0.
///
/// The shape decides; whether such a number is assigned is the carrier's knowledge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct E164(Box<str>);

/// The text is no E.164 number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be an E.164 phone number such as +14155550100")]
pub struct InvalidE164;

impl E164 {
    /// The number with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits as an integer, below 10^15.
    #[must_use]
    pub fn digits(&self) -> u64 {
        self.0.bytes().skip(1).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    }

    /// The number with these digits.
    ///
    /// # Errors
    /// [`InvalidE164`] if they are fewer than 7 or more than 15.
    pub fn from_digits(digits: u64) -> Result<Self, InvalidE164> {
        format!("+{digits}").parse()
    }

    /// The country that the number belongs to by the numbering plan, if the number library knows one.
    #[must_use]
    pub fn country(&self) -> Option<Country> {
        let number = PHONE_NUMBER_UTIL.parse(self.as_str(), None).ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&number)?;
        region.to_string().parse().ok()
    }

    /// What sort of subscriber number it is by the numbering plan; [`NumberType::Local`] for everything that is neither
    /// mobile nor free to call, what the number library does not know included.
    #[must_use]
    pub fn number_type(&self) -> NumberType {
        let number = PHONE_NUMBER_UTIL.parse(self.as_str(), None).ok();
        match number.map(|number| PHONE_NUMBER_UTIL.get_number_type(&number)) {
            Some(PhoneNumberType::Mobile) => NumberType::Mobile,
            Some(PhoneNumberType::TollFree) => NumberType::TollFree,
            _ => NumberType::Local,
        }
    }
}

impl FromStr for E164 {
    type Err = InvalidE164;

    /// Reads a number after taking out the punctuation people write: spaces, dots, dashes, parentheses.
    fn from_str(text: &str) -> Result<Self, InvalidE164> {
        // No number with punctuation is longer; a bound keeps hostile input cheap.
        if text.len() > 40 {
            return Err(InvalidE164);
        }
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')')).collect();
        let digits = bare.strip_prefix('+').ok_or(InvalidE164)?.as_bytes();
        let well_formed = (7..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && digits.first() != Some(&b'0');
        if well_formed { Ok(Self(bare.into_boxed_str())) } else { Err(InvalidE164) }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for E164 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for E164 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+14155550100", "+14155550100")]
    #[case("+1 (415) 555-0100", "+14155550100")]
    #[case("+44.20.7946.0018", "+442079460018")]
    #[case("+2348030000001", "+2348030000001")]
    fn punctuation_is_taken_out(#[case] text: &str, #[case] number: &str) {
        assert_eq!(text.parse::<E164>().unwrap().as_str(), number);
    }

    #[rstest]
    #[case("14155550100")]
    #[case("+04155550100")]
    #[case("+123456")]
    #[case("+1234567890123456")]
    #[case("+1415555o100")]
    #[case("+１４１５５５５０１００")]
    #[case("++14155550100")]
    #[case("")]
    fn what_is_not_e164_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<E164>(), Err(InvalidE164));
    }

    #[rstest]
    #[case("+2348030000001", "NG")]
    #[case("+233241234567", "GH")]
    #[case("+254712345678", "KE")]
    #[case("+14155550100", "US")]
    #[case("+442079460018", "GB")]
    fn the_country_is_the_numbering_plans(#[case] number: &str, #[case] country: &str) {
        assert_eq!(number.parse::<E164>().unwrap().country().unwrap().to_string(), country);
    }

    #[rstest]
    #[case("+2348030000001", NumberType::Mobile)]
    #[case("+18005550100", NumberType::TollFree)]
    #[case("+442079460018", NumberType::Local)]
    #[case("+14155550100", NumberType::Local)]
    #[case("+999999999999999", NumberType::Local)]
    fn the_type_is_the_numbering_plans(#[case] number: &str, #[case] number_type: NumberType) {
        assert_eq!(number.parse::<E164>().unwrap().number_type(), number_type);
    }

    proptest! {
        #[test]
        fn digits_and_number_are_two_spellings_of_one_thing(digits in 1_000_000_u64..1_000_000_000_000_000) {
            let number = E164::from_digits(digits).unwrap();
            prop_assert_eq!(number.digits(), digits);
            prop_assert_eq!(number.as_str().parse::<E164>().unwrap(), number);
        }
    }
}
