//! Money that doesn't follow the seats.

use super::payments::Misuse;
use super::statements::{ROW_LOCK_CLAIM, SELL, START_REFUND};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "money",
    bugs: &[
        Bug::new(
            "refund-never-sent",
            "a refund is written down as made when it is put on a queue that nobody reads",
            "cancel-rebook",
            &[Way::Payments(Misuse::NoRefund)],
        ),
        Bug::new(
            "refunded-twice",
            "the refund is retried without the provider's idempotency key",
            "cancel-rebook",
            &[Way::Payments(Misuse::RefundTwice)],
        ),
        Bug::new(
            "charged-twice",
            "each try has a payment id of its own, so a retry is another charge",
            "latency-baseline",
            &[Way::Payments(Misuse::ChargeTwice)],
        ),
        Bug::new(
            "charged-another-amount",
            "fees are added in the call to the provider, and nowhere else",
            "latency-baseline",
            &[Way::Payments(Misuse::ChargeMore)],
        ),
        Bug::new(
            "declined-is-booked",
            "the provider's answer is taken for a yes whenever it isn't an error",
            "latency-baseline",
            &[Way::Payments(Misuse::DeclinedIsCaptured)],
        ),
        Bug::new(
            "charged-though-declined",
            "after a decline the card on file is tried, and its success is nobody's",
            "latency-baseline",
            &[Way::Payments(Misuse::ChargedThoughDeclined)],
        ),
        Bug::new(
            "refunded-at-once",
            "a job that voids authorizations left open voids captures, too",
            "latency-baseline",
            &[Way::Payments(Misuse::RefundAtOnce)],
        ),
        Bug::new(
            "recovery-keeps-money",
            "recovery asks for the charge by another id, finds none, and ends the payment as not \
             charged",
            "server-crash",
            &[Way::Payments(Misuse::CapturedIsForgotten)],
        ),
        Bug::new(
            "silence-is-declined",
            "the error of a call that was not answered is handled like a decline",
            "payment-faults",
            &[Way::Payments(Misuse::SilenceIsDeclined)],
        ),
        Bug::new(
            "silence-is-charged-again",
            "the client retries by itself, and makes the idempotency key anew for each try",
            "payment-faults",
            &[Way::Payments(Misuse::SilenceIsChargedAgain)],
        ),
        Bug::new(
            "silence-is-refunded",
            "the error of a refund is logged, and the refund is written down as made",
            "payment-faults",
            &[Way::Payments(Misuse::SilenceIsRefunded)],
        ),
        Bug::new(
            "silence-is-never-seen",
            "a look-up that fails is taken for one that finds nothing",
            "payment-faults",
            &[Way::Payments(Misuse::SilenceIsNeverSeen)],
        ),
        Bug::new(
            "late-charge-is-kept",
            "only what is still under way is refunded, and recovery had given the payment up by then",
            "server-freeze",
            &[Way::sql(
                START_REFUND,
                "(step = 'charging' or state = 'failed')",
                "step = 'charging'",
            )],
        ),
        Bug::new(
            "price-spread-evenly",
            "an order's total is divided by the number of its tickets",
            "latency-baseline",
            &[Way::sql(
                SELL,
                "ordered.ticket_number, price_cents",
                "ordered.ticket_number, (sum(price_cents) over () / count(*) over ())::bigint",
            )],
        ),
        Bug::new(
            "price-of-one-seat",
            "the price is that of the first row which the query returns",
            "latency-baseline",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "price_cents as \"price_cents!\"",
                "(case when id = (select min(id) from locked) then price_cents else 0 end) \
                     as \"price_cents!\"",
            )],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "whole-units",
            "prices pass through a type without cents",
            "latency-baseline",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "price_cents as \"price_cents!\"",
                "price_cents / 100 * 100 as \"price_cents!\"",
            )],
        )
        .of_strategy("row_lock"),
    ],
};
