//! Money: whole cents of one currency, never a float.

/// An amount in the smallest unit of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cents(pub u64);

impl Cents {
    /// The highest price that a single seat or ticket may have. Together with
    /// [`crate::limits::UNITS_PER_HOLD_MAX`] it keeps every sum far from overflow and exact in
    /// JSON.
    pub const PRICE_MAX: Self = Self(1_000_000_000_000);

    /// This price for `quantity` units.
    #[must_use]
    pub const fn times(self, quantity: u32) -> Self {
        Self(self.0 * quantity as u64)
    }
}

impl std::iter::Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(prices: I) -> Self {
        Self(prices.map(|price| price.0).sum())
    }
}

/// An ISO 4217 code: three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency of a three-letter code, `None` where it does not look like one.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    /// The code as text.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters")
    }
}

#[cfg(test)]
mod tests {
    use super::{Cents, Currency};

    #[test]
    fn a_currency_is_three_upper_case_letters_and_says_so_again() {
        assert_eq!(Currency::new("EUR").expect("a currency").code(), "EUR");
        for no in ["", "EU", "EURO", "eur", "E1R", "ÉU"] {
            assert_eq!(Currency::new(no), None, "{no:?}");
        }
    }

    #[test]
    fn prices_multiply_and_add_up() {
        assert_eq!(Cents(250).times(3), Cents(750));
        assert_eq!([Cents(1), Cents(20)].into_iter().sum::<Cents>(), Cents(21));
    }
}
