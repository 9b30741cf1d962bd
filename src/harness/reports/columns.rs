//! What a report's table says of each kind of request, column by column. Knows nothing of tables.

use crate::domain::grouped;
use crate::harness::summary::{OperationMetrics, Summary};

/// A column of the table of operations.
pub struct Column {
    /// Above it.
    pub name: &'static str,
    /// It is left out where every operation has none of it.
    is_rare: bool,
    /// What it says of an operation.
    pub value: fn(&OperationMetrics) -> String,
}

impl Column {
    const fn usual(name: &'static str, value: fn(&OperationMetrics) -> String) -> Self {
        Self { name, is_rare: false, value }
    }

    fn has_any(&self, run: &Summary) -> bool {
        run.metrics.values().any(|operation| (self.value)(operation) != "0")
    }
}

const COLUMNS: &[Column] = &[
    Column::usual("count", |operation| grouped(operation.count)),
    Column::usual("per s", |operation| short(operation.rate)),
    Column::usual("ok", |operation| grouped(operation.outcomes.ok)),
    Column::usual("refused", |operation| grouped(operation.outcomes.refused)),
    Column {
        name: "not connected",
        is_rare: true,
        value: |operation| grouped(operation.outcomes.not_connected),
    },
    Column::usual("unknown", |operation| grouped(operation.outcomes.info)),
    Column::usual("p50 ms", |operation| short(operation.latency_ms.p50)),
    Column::usual("p95 ms", |operation| short(operation.latency_ms.p95)),
    Column::usual("p99 ms", |operation| short(operation.latency_ms.p99)),
    Column::usual("max ms", |operation| short(operation.latency_ms.max)),
];

/// The columns for this run, but for the operation's name.
pub fn of(run: &Summary) -> Vec<&'static Column> {
    COLUMNS.iter().filter(|column| !column.is_rare || column.has_any(run)).collect()
}

/// A number with as many decimals as are of use: 1234, 75.2, 0.135.
pub fn short(number: f64) -> String {
    let text = match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [0.0, 0.1349, 8.1, 75.25, 1234.5].map(short),
            ["0", "0.135", "8.1", "75.2", "1234"]
        );
    }
}
