//! Summaries for people: the verdict in the first line, then what it rests on. Knows nothing of where it is printed.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::Report;
use super::columns::{self, short};
use crate::domain::{counted, grouped};
use crate::harness::run_record::RunRecord;
use crate::harness::summary::{CheckVerdict, Summary, ThresholdSummary, Verdict, worst_exit_code};

/// The table without colours, as a report format.
pub struct Text;

impl Report for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn summary(&self) -> &'static str {
        "the table of the terminal, without colours"
    }

    fn file(&self) -> Option<&'static str> {
        Some("report.txt")
    }

    fn write(&self, runs: &[RunRecord], out: &mut dyn Write) -> io::Result<()> {
        write(runs, Style::FILE, out)
    }
}

/// What the tables are written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences may be used: on a terminal without `NO_COLOR`, and nowhere else.
    pub coloured: bool,
    /// How wide a line may be; longer words than that stay whole.
    pub columns: u16,
}

impl Style {
    /// As in a file.
    pub const FILE: Self = Self { coloured: false, columns: 100 };
}

/// Writes one or several runs; several end with a table of all.
pub fn write(runs: &[RunRecord], style: Style, out: &mut dyn Write) -> io::Result<()> {
    for run in runs {
        write_run(&run.summary, style, out)?;
    }
    if runs.len() == 1 { Ok(()) } else { write_overview(runs, style, out) }
}

/// Writes the table of all runs, a line each, and the worst exit code.
pub fn write_overview(runs: &[RunRecord], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table(
        style,
        &[
            "",
            "scenario",
            "strategy",
            "seats sold",
            "double-sells",
            "requests",
            "seconds",
            "exit code",
        ],
    );
    for RunRecord { summary: run, .. } in runs {
        let (word, color) = headline(run);
        let sold = format!("{} of {}", grouped(run.seats_sold), grouped(run.seats_count));
        table.add_row([
            bold(word, color),
            Cell::new(&run.scenario),
            Cell::new(&run.strategy),
            right(sold),
            right(run.double_sells),
            right(grouped(requests(run))),
            right(format!("{:.1}", run.load_seconds)),
            right(run.exit_code),
        ]);
    }
    let worst = worst_exit_code(runs.iter().map(|run| run.summary.exit_code));
    writeln!(out, "{}\n\n{}, exit code {worst}", table.trim_fmt(), counted(runs.len(), "run"))
}

/// An observed value as reports write it.
pub fn observed(value: Option<f64>) -> String {
    value.map_or_else(|| "nothing".to_owned(), short)
}

fn write_run(run: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, color) = headline(run);
    let mut head = new_table(style, &[]);
    head.add_row([bold(word, color), Cell::new(format!("{}: {}", run.scenario, run.title))]);
    for line in reasons(run) {
        head.add_row([Cell::new(""), Cell::new(line)]);
    }
    writeln!(out, "{}\n", head.trim_fmt())?;
    for table in [operations(run, style), checks(run, style)].into_iter().flatten() {
        writeln!(out, "{}\n", table.trim_fmt())?;
    }
    writeln!(out, "recorded in  {}\nrepeat with  {}\n", run.run_dir, run.repeat)
}

/// The word for a run. Crossed thresholds are no broken invariant, but no plain pass either.
fn headline(run: &Summary) -> (&'static str, Color) {
    match run.verdict {
        Verdict::Fail => ("FAIL", Color::Red),
        Verdict::Void => ("VOID", Color::Yellow),
        Verdict::Pass if run.thresholds.iter().any(|threshold| !threshold.ok) => {
            ("CROSSED", Color::Yellow)
        }
        Verdict::Pass => ("PASS", Color::Green),
    }
}

/// What the verdict means, in a few lines.
fn reasons(run: &Summary) -> Vec<String> {
    let twice = match run.double_sells {
        0 => "none of them more than once".to_owned(),
        1 => "1 OF THEM MORE THAN ONCE".to_owned(),
        many => format!("{} OF THEM MORE THAN ONCE", grouped(many)),
    };
    let sold_out = run
        .sold_out_seconds
        .map_or_else(String::new, |seconds| format!(", sold out after {seconds:.1} s"));
    let mut lines = vec![format!(
        "{} of {} seats sold, {twice}{sold_out}",
        grouped(run.seats_sold),
        grouped(run.seats_count)
    )];
    let broken = run.checkers.iter().filter(|checker| checker.verdict == CheckVerdict::Fail);
    lines.extend(broken.map(|checker| format!("{} broke: {}", checker.name, checker.detail)));
    lines.extend(run.caveats.iter().cloned());
    lines.extend(run.void_reasons.iter().map(|reason| format!("proves nothing: {reason}")));
    let crossed = run.thresholds.iter().filter(|threshold| !threshold.ok).count();
    if crossed > 0 {
        let all = counted(run.thresholds.len(), "threshold");
        lines.push(format!("{crossed} of {all} crossed"));
    }
    lines.push(format!(
        "{}, {}, seed {}, {:.1} s of load, {} ({} dropped, p99 {} ms late)",
        run.strategy,
        counted(run.instances, "server"),
        run.seed,
        run.load_seconds,
        counted(run.generator.iterations, "iteration"),
        grouped(run.generator.dropped),
        short(run.generator.lag_ms_p99)
    ));
    lines
}

fn operations(run: &Summary, style: Style) -> Option<Table> {
    let columns = columns::of(run);
    let header: Vec<&str> =
        std::iter::once("requests").chain(columns.iter().map(|column| column.name)).collect();
    let mut table = new_table(style, &header);
    for (name, operation) in run.metrics.iter().filter(|(_, operation)| operation.count > 0) {
        let values = columns.iter().map(|column| right((column.value)(operation)));
        table.add_row(std::iter::once(Cell::new(name)).chain(values));
    }
    (!table.is_empty()).then_some(table)
}

fn checks(run: &Summary, style: Style) -> Option<Table> {
    let mut table = new_table(style, &["judged", "", "result"]);
    for checker in &run.checkers {
        let word = match checker.verdict {
            CheckVerdict::Pass => held("held"),
            CheckVerdict::NotJudged => Cell::new("not judged"),
            CheckVerdict::Unknown => doubtful("unknown"),
            CheckVerdict::Fail => broken("broke"),
        };
        table.add_row([Cell::new(&checker.name), word, Cell::new(&checker.detail)]);
    }
    for fault in &run.faults {
        let word = if fault.bit { held("bit") } else { doubtful("no effect") };
        table.add_row([
            Cell::new(format!("fault {}", fault.name)),
            word,
            Cell::new(&fault.evidence),
        ]);
    }
    for threshold in &run.thresholds {
        let word = if threshold.ok { held("kept") } else { doubtful("crossed") };
        table.add_row([
            Cell::new(limit(threshold)),
            word,
            Cell::new(format!("observed {}", observed(threshold.observed))),
        ]);
    }
    for sometimes in &run.sometimes {
        let word = if sometimes.ok { held("happened") } else { doubtful("never") };
        let name = format!("sometimes {}", limit(sometimes));
        table.add_row([
            Cell::new(name),
            word,
            Cell::new(format!("observed {}", observed(sometimes.observed))),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn limit(limit: &ThresholdSummary) -> String {
    format!("{} {}", limit.metric, limit.expr).trim().to_owned()
}

fn requests(run: &Summary) -> u64 {
    run.operations.total()
}

fn new_table(style: Style, header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .force_no_tty()
        .set_width(style.columns);
    if style.coloured {
        table.enforce_styling();
    }
    if !header.is_empty() {
        let numbers_from = header
            .iter()
            .position(|name| *name == "count" || *name == "seats sold")
            .unwrap_or(header.len());
        let align =
            |index| if index >= numbers_from { CellAlignment::Right } else { CellAlignment::Left };
        let cells = header.iter().enumerate().map(|(index, name)| {
            Cell::new(name).set_alignment(align(index)).add_attribute(Attribute::Dim)
        });
        table.set_header(cells.collect::<Vec<_>>());
    }
    table
}

fn right(content: impl Display) -> Cell {
    Cell::new(content).set_alignment(CellAlignment::Right)
}

fn bold(word: &str, color: Color) -> Cell {
    Cell::new(word).fg(color).add_attribute(Attribute::Bold)
}

fn held(word: &str) -> Cell {
    Cell::new(word).fg(Color::Green)
}

fn doubtful(word: &str) -> Cell {
    bold(word, Color::Yellow)
}

fn broken(word: &str) -> Cell {
    bold(word, Color::Red)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::reports::samples;

    fn text(runs: &[Summary], style: Style) -> String {
        let mut out = Vec::new();
        write(&samples::recorded(runs).records, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_first_line_is_the_verdict_and_the_next_ones_say_why() {
        let lines = |run: Summary| {
            text(&[run], Style::FILE).lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        let passed = lines(samples::passed());
        assert!(passed[0].starts_with("PASS"), "{passed:?}");
        assert_eq!(
            passed[1],
            "2,000 of 2,000 seats sold, none of them more than once, sold out after 15.4 s"
        );
        let failed = lines(samples::failed());
        assert!(failed[0].starts_with("FAIL"), "{failed:?}");
        assert!(failed[1].contains("3 OF THEM MORE THAN ONCE"), "{failed:?}");
        assert!(failed[2].contains("no-double-sell-database broke: seat 17"), "{failed:?}");
        let void = lines(samples::void());
        assert!(void[0].starts_with("VOID"), "{void:?}");
        assert!(
            void[2].contains("proves nothing: fault \"redis slow\" had no observed effect"),
            "{void:?}"
        );
    }

    #[test]
    fn tables_fit_the_columns_and_split_no_number() {
        let mut run = samples::failed();
        run.checkers[0].detail = "seat 17 is sold twice ".repeat(20);
        for columns in [80, 100, 160] {
            let style = Style { columns, ..Style::FILE };
            let text = text(&[run.clone(), samples::passed()], style);
            let tables = text.lines().filter(|line| !line.contains("  ticketctl chaos run "));
            for line in tables {
                assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
            }
            assert!(text.contains("sold twice"), "{text}");
            assert!(
                text.lines().any(|line| line.contains(" hold ") && line.contains("4,812")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_was_refused_and_what_was_not_connected_are_told_apart() {
        let mut run = samples::passed();
        assert!(!text(&[run.clone()], Style::FILE).contains("not connected"), "there was none");
        let hold = run.metrics.get_mut("hold").unwrap();
        (hold.outcomes.refused, hold.outcomes.not_connected) = (2394, 416);
        let text = text(&[run], Style::FILE);
        let line = |start: &str| {
            let line = text.lines().find(|line| line.trim().starts_with(start)).unwrap();
            line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>()
        };
        let header = ["requests", "count", "per s", "ok", "refused", "not connected", "unknown"];
        assert_eq!(line("requests")[..7], header, "{text}");
        assert_eq!(line("hold")[..7], ["hold", "4,812", "267", "2,000", "2,394", "416", "2"]);
    }

    #[test]
    fn what_a_reader_has_to_know_stands_in_the_first_lines() {
        let run =
            Summary { caveats: vec!["held to weaker bounds".to_owned()], ..samples::passed() };
        let text = text(&[run], Style::FILE);
        assert!(text.lines().nth(2).unwrap().contains("held to weaker bounds"), "{text}");
    }

    #[test]
    fn crossed_thresholds_alone_are_not_a_plain_pass() {
        let run = Summary {
            thresholds: samples::failed().thresholds,
            exit_code: 99,
            ..samples::passed()
        };
        assert!(text(&[run], Style::FILE).trim_start().starts_with("CROSSED"));
    }

    #[test]
    fn colours_appear_only_where_asked_for() {
        let runs = [samples::passed(), samples::failed()];
        assert!(!text(&runs, Style::FILE).contains('\u{1b}'));
        assert!(text(&runs, Style { coloured: true, ..Style::FILE }).contains('\u{1b}'));
    }

    #[test]
    fn several_runs_end_with_a_table_of_all_and_the_worst_exit_code() {
        let text = text(&[samples::passed(), samples::failed(), samples::void()], Style::FILE);
        assert!(text.trim_end().ends_with("3 runs, exit code 1"), "{text}");
    }
}
