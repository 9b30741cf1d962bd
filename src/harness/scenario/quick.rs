//! Lays the `[quick]` table over the rest of a scenario. Knows nothing of what the keys mean.

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use crate::harness::parsing::problem::Problems;

/// Takes `[quick]` out of the document and answers the short form, where there is one.
///
/// Tables merge key by key. Arrays of tables whose items have a `name` merge item by item; any other value is replaced.
pub fn take<'a>(document: &mut DeTable<'a>, problems: &Problems) -> Option<DeTable<'a>> {
    let quick = document.remove("quick")?;
    let at = quick.span().start;
    let DeValue::Table(quick) = quick.into_inner() else {
        problems.add(at, "\"quick\" has to be a table");
        return None;
    };
    let mut short = document.clone();
    lay_over(&mut short, quick, problems);
    Some(short)
}

fn lay_over<'a>(base: &mut DeTable<'a>, top: DeTable<'a>, problems: &Problems) {
    for (key, value) in top {
        match base.get_mut(key.get_ref().as_ref()) {
            Some(below) => lay_value(below, value, problems),
            None => drop(base.insert(key, value)),
        }
    }
}

fn lay_value<'a>(
    below: &mut Spanned<DeValue<'a>>,
    value: Spanned<DeValue<'a>>,
    problems: &Problems,
) {
    let span = value.span();
    match (below.get_mut(), value.into_inner()) {
        (DeValue::Table(base), DeValue::Table(top)) => lay_over(base, top, problems),
        (DeValue::Array(base), DeValue::Array(top))
            if base.iter().any(|item| name_of(item).is_some()) =>
        {
            for item in top {
                lay_item(base, item, problems);
            }
        }
        (_, value) => *below = Spanned::new(span, value),
    }
}

fn lay_item<'a>(
    base: &mut [Spanned<DeValue<'a>>],
    item: Spanned<DeValue<'a>>,
    problems: &Problems,
) {
    let name = name_of(&item).map(str::to_owned);
    let below = base.iter_mut().find(|below| name.is_some() && name_of(below) == name.as_deref());
    match below {
        Some(below) => lay_value(below, item, problems),
        None => problems.add(
            item.span().start,
            "the short form has no item of this name to change; repeat a name of the full form",
        ),
    }
}

fn name_of<'v>(item: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
    match item.get_ref() {
        DeValue::Table(table) => match table.get("name")?.get_ref() {
            DeValue::String(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}
