//! Sums of money. Knows nothing of currencies: a house sells in one.

/// An amount in cents, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(i64);

impl Cents {
    /// An amount of zero or more cents; `None` when negative.
    pub fn new(cents: i64) -> Option<Self> {
        (cents >= 0).then_some(Self(cents))
    }

    /// The number of cents.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` where it does not fit.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(0_i64, |total, amount| total.checked_add(amount.0)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::Cents;

    #[test]
    fn a_negative_amount_is_refused() {
        assert_eq!(Cents::new(-1), None);
        assert_eq!(Cents::new(0).map(Cents::get), Some(0));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_none_and_never_wraps() {
        let cents = |n| Cents::new(n).unwrap();
        assert_eq!(Cents::sum([cents(2), cents(3)]), Some(cents(5)));
        assert_eq!(Cents::sum([cents(i64::MAX), cents(1)]), None);
    }
}
