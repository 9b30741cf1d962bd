//! A scenario file becomes a plan, once. Everything wrong with it is reported at its line and column.

use std::io::Read as _;
use std::path::Path;

use toml::de::DeTable;

use super::reader::{Form, Known, Overrides, Reader};
use super::{background, fault, limits, load as loads, quick, setting};
use crate::harness::faults::Reachable;
use crate::harness::load;
use crate::harness::parsing::Section;
use crate::harness::parsing::problem::{Problems, ScenarioError};
use crate::harness::plan::Plan;

/// A scenario is a page of text; whatever is larger is some other file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads and checks a scenario, both its full and its short form, and answers the plan of the form asked for.
pub fn load(path: &Path, known: &Known<'_>, overrides: &Overrides) -> Result<Plan, ScenarioError> {
    let text = read(path).map_err(|cause| ScenarioError::unreadable(path, &cause))?;
    let name =
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    parse(path, &name, &text, &Reader { known, overrides })
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

/// Reads and checks a scenario's text, which `path` is said to hold.
pub fn parse(
    path: &Path,
    name: &str,
    text: &str,
    reader: &Reader<'_>,
) -> Result<Plan, ScenarioError> {
    let problems = Problems::default();
    let mut full = match DeTable::parse(text) {
        Ok(document) => document.into_inner(),
        Err(syntax) => {
            problems.add(syntax.span().map_or(0, |span| span.start), syntax.message());
            DeTable::new()
        }
    };
    let short = if problems.is_empty() { quick::take(&mut full, &problems) } else { None };
    let full_plan = problems.is_empty().then(|| document(&full, name, &problems, reader));
    // The short form repeats the full form's mistakes, and repeats them with less context.
    let short_plan = short
        .filter(|_| problems.is_empty())
        .map(|short| document(&short, name, &problems, reader));
    problems.into_result(path, text)?;
    let plan = match reader.overrides.form {
        Form::Full => full_plan,
        Form::Quick => short_plan.or(full_plan),
    };
    plan.ok_or_else(|| ScenarioError::unreadable(path, &"it is empty"))
}

/// Reads a whole document. The plan is only worth something while `problems` stays empty.
fn document(table: &DeTable<'_>, name: &str, problems: &Problems, reader: &Reader<'_>) -> Plan {
    let mut root = Section::new(table, 0..0, problems);
    root.need(&["schema_version", "title", "target", "inventory", "load"]);
    if root.integer("schema_version", i64::MIN..=i64::MAX).is_some_and(|version| version != 1) {
        root.refuse("schema_version", "this program reads schema_version 1 only; use the release that the file was written for");
    }
    let title = root.text("title").unwrap_or_default().to_owned();
    let seed = root.integer("seed", 0..=i64::MAX).map_or(1, i64::unsigned_abs);
    let before_target = problems.count();
    let target = setting::target(root.table("target"), reader);
    let before_inventory = problems.count();
    let inventory = setting::inventory(root.table("inventory"));
    let before_loads = problems.count();
    let sold = (before_loads == before_inventory).then_some(&inventory);
    let loads = loads::read_all(root.table("load"), sold);
    // What a refused table says is not held against the faults: one mistake, one message.
    let reachable = Reachable {
        target: (before_inventory == before_target).then_some(&target),
        events: inventory.events,
    };
    let load_end = (problems.count() == before_loads).then(|| load::end(&loads).ok()).flatten();
    let background = background::read(root.table("background"), sold, &loads, load_end);
    let faults = fault::read_all(root.tables("faults"), &reachable, load_end);
    let plan = Plan {
        title,
        name: name.to_owned(),
        seed: reader.overrides.seed.unwrap_or(seed),
        inventory,
        payments: setting::payments(root.table("payments")),
        generator: setting::generator(root.table("generator")),
        checkers: limits::checkers(&mut root),
        thresholds: limits::thresholds(root.table("thresholds")),
        sometimes: limits::sometimes(root.tables("sometimes")),
        target,
        loads,
        background,
        faults,
    };
    root.done();
    plan
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const KNOWN: Known<'_> = Known { strategies: &["row_lock", "redlock"] };
    const SHIPPED: &str = include_str!("../../../scenarios/lock-expiry.toml");

    fn parse_text(text: &str, overrides: &Overrides) -> Result<Plan, ScenarioError> {
        parse(Path::new("x.toml"), "x", text, &Reader { known: &KNOWN, overrides })
    }

    #[test]
    fn the_short_form_changes_what_it_names_and_nothing_else() {
        let quick = "[quick.target.env]\nLOCK_TTL_MS = \"7\"\n[[quick.faults]]\nname = \"server-1 frozen\"\nduration = \"9ms\"\n";
        let without = SHIPPED.split("\n[quick.").next().unwrap();
        let text = format!("{without}\n{quick}");
        let full = parse_text(&text, &Overrides::default()).unwrap();
        let short =
            parse_text(&text, &Overrides { form: Form::Quick, ..Overrides::default() }).unwrap();
        let mut expected = full.clone();
        expected.target.env.insert("LOCK_TTL_MS".to_owned(), "7".to_owned());
        let frozen =
            expected.faults.iter_mut().find(|fault| fault.name == "server-1 frozen").unwrap();
        frozen.duration = Duration::from_millis(9);
        assert_eq!(short, expected);
        assert_ne!(short, full);
    }

    #[test]
    fn the_command_line_wins_and_is_checked_like_the_file() {
        let overrides = Overrides {
            strategy: Some("row_lock".to_owned()),
            seed: Some(99),
            instances: Some(3),
            form: Form::Full,
        };
        let plan = parse_text(SHIPPED, &overrides).unwrap();
        assert_eq!(
            (plan.target.strategy.as_str(), plan.seed, plan.target.instances),
            ("row_lock", 99, 3)
        );
        let refusal =
            |overrides: Overrides| parse_text(SHIPPED, &overrides).unwrap_err().to_string();
        let strategy =
            refusal(Overrides { strategy: Some("rowlock".to_owned()), ..Overrides::default() });
        assert!(
            strategy
                .contains("--strategy: unknown strategy \"rowlock\"; did you mean \"row_lock\"?"),
            "{strategy}"
        );
        let instances = refusal(Overrides { instances: Some(9), ..Overrides::default() });
        assert!(instances.contains("--instances has to be between 1 and 8"), "{instances}");
        // What the file's faults need has to be there also with fewer servers.
        let on_second = SHIPPED.replace("process = \"server-1\"", "process = \"server-2\"");
        assert!(parse_text(&on_second, &Overrides::default()).is_ok());
        let one = parse_text(&on_second, &Overrides { instances: Some(1), ..Overrides::default() })
            .unwrap_err();
        assert!(one.to_string().contains("unknown process \"server-2\""), "{one}");
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_refused_inside_the_file_or_read_but_never_a_panic(
            at in 0..SHIPPED.len(),
            removed in 0..40_usize,
            inserted in "[\\[\\]{}=\"#.,a-z0-9_ \n-]{0,12}|-?[0-9]{1,25}|true|nan|1e400|é",
        ) {
            let mut text: Vec<char> = SHIPPED.chars().collect();
            let end = (at + removed).min(text.len());
            text.splice(at.min(end)..end, inserted.chars());
            let text: String = text.into_iter().collect();
            if let Err(error) = parse_text(&text, &Overrides::default()) {
                prop_assert!(!error.problems.is_empty());
                for problem in error.problems {
                    let (line, column) = problem.position.unwrap();
                    let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
                    prop_assert!(length.is_some_and(|length| column <= length + 1), "{line}:{column} in {length:?}");
                }
            }
        }
    }
}
