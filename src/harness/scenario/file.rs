//! A scenario file becomes a plan, once. Everything wrong with it is reported at its line and column.

use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

use super::plan::{Load, Plan};
use super::problem::{Problems, ScenarioError};
use super::section::Section;
use super::{Form, Known, Overrides, fault, limits, load as loads, quick, setting};

/// A scenario is a page of text; whatever is larger is some other file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads and checks a scenario, both its full and its short form, and answers the plan of the form asked for.
pub fn load(path: &Path, known: &Known<'_>, overrides: &Overrides) -> Result<Plan, ScenarioError> {
    let text = read(path).map_err(|cause| ScenarioError::unreadable(path, &cause))?;
    let name =
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    parse(path, &name, &text, &Reader { known, overrides })
}

/// What the sections are read with.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Names from elsewhere.
    pub known: &'a Known<'a>,
    /// What the command line says instead.
    pub overrides: &'a Overrides,
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

fn parse(path: &Path, name: &str, text: &str, reader: &Reader<'_>) -> Result<Plan, ScenarioError> {
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
    let before_loads = problems.count();
    let loads = loads::read_all(root.table("load"));
    // What a refused table says is not held against the faults: one mistake, one message.
    let surroundings = fault::Surroundings {
        target: (before_loads == before_target).then_some(&target),
        load_end: (problems.count() == before_loads)
            .then(|| loads.iter().map(Load::end).max())
            .flatten(),
    };
    let faults = fault::read_all(root.tables("faults"), &surroundings);
    let plan = Plan {
        title,
        name: name.to_owned(),
        seed: reader.overrides.seed.unwrap_or(seed),
        inventory: setting::inventory(root.table("inventory")),
        payments: setting::payments(root.table("payments")),
        generator: setting::generator(root.table("generator")),
        checkers: limits::checkers(&mut root),
        thresholds: limits::thresholds(root.table("thresholds")),
        sometimes: limits::sometimes(root.tables("sometimes")),
        target,
        loads,
        faults,
    };
    root.done();
    plan
}
