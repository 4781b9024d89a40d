//! Money as carriers write it.

/// Digits after the point of a dollar that a micro-cent has.
const MICRO_CENT_DIGITS: usize = 8;

/// Dollars, such as `0.00850`, in millionths of a cent; what is finer is cut off. `None` if it is no amount, or ten
/// million dollars and more.
pub(crate) fn micro_cents(dollars: &str) -> Option<u64> {
    let (whole, fraction) = dollars.split_once('.').unwrap_or((dollars, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_amount = (1..=7).contains(&whole.len()) && is_digits(whole) && fraction.len() <= 32 && is_digits(fraction);
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(MICRO_CENT_DIGITS).collect();
    let amount = format!("{whole}{fraction}");
    if is_amount { amount.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("0.00850", Some(850_000))]
    #[case("0", Some(0))]
    #[case("1.", Some(100_000_000))]
    #[case("12.345678999", Some(1_234_567_899))]
    #[case("9999999.99999999", Some(999_999_999_999_999))]
    #[case("10000000", None)]
    #[case("", None)]
    #[case(".5", None)]
    #[case("-1", None)]
    #[case("1e3", None)]
    #[case("1,5", None)]
    fn dollars_become_micro_cents(#[case] dollars: &str, #[case] micro_cents: Option<u64>) {
        assert_eq!(super::micro_cents(dollars), micro_cents);
    }
}
