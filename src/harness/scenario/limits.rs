//! What a run is judged by: `checkers`, `[thresholds]`, `[[sometimes]]`. Knows nothing of the judging.

use crate::harness::checkers::CHECKERS;
use crate::harness::parsing::{Section, unknown};
use crate::harness::plan::{Sometimes, Threshold};
use crate::harness::thresholds;

/// `checkers`, in table order; all of them where the key is absent.
pub fn checkers(root: &mut Section<'_>) -> Vec<String> {
    let names: Vec<&str> = CHECKERS.iter().map(|checker| checker.name()).collect();
    let all = || names.iter().map(|name| (*name).to_owned()).collect();
    let Some(items) = root.array("checkers") else { return all() };
    let mut chosen: Vec<&str> = Vec::new();
    for item in items {
        let Some(name) = root.text_of(item, "a checker") else { continue };
        if !names.contains(&name) {
            root.problem(item.span().start, unknown("checker", name, &names));
        } else if chosen.contains(&name) {
            root.problem(item.span().start, format!("\"{name}\" is listed twice"));
        }
        chosen.push(name);
    }
    if items.is_empty() {
        root.refuse("checkers", "\"checkers\" is empty; a run that nothing judges proves nothing");
    }
    names.iter().filter(|name| chosen.contains(name)).map(|name| (*name).to_owned()).collect()
}

/// `[thresholds]`, in file order.
pub fn thresholds(section: Option<Section<'_>>) -> Vec<Threshold> {
    let Some(section) = section else { return Vec::new() };
    let mut found = Vec::new();
    for (metric, value) in section.entries() {
        if let Err(refusal) = thresholds::check_metric(metric.get_ref()) {
            section.problem(metric.span().start, refusal.to_string());
            continue;
        }
        let items = section.array_of(value, "the limits of a metric").unwrap_or_default();
        if items.is_empty() {
            section
                .problem(value.span().start, "give at least one limit, such as [\"count>=200\"]");
        }
        for item in items {
            let Some(expr) = section.text_of(item, "a limit") else { continue };
            if let Err(refusal) = thresholds::check_threshold(metric.get_ref(), expr) {
                section.problem(item.span().start, refusal.to_string());
            }
            found.push(Threshold { metric: (*metric.get_ref()).to_owned(), expr: expr.to_owned() });
        }
    }
    found
}

/// Every `[[sometimes]]`, in file order.
pub fn sometimes(sections: Vec<Section<'_>>) -> Vec<Sometimes> {
    let mut found = Vec::new();
    for mut section in sections {
        section.need(&["expr"]);
        if let Some(expr) = section.text("expr") {
            if let Err(refusal) = thresholds::check_sometimes(expr) {
                section.refuse("expr", refusal.to_string());
            }
            found.push(Sometimes { expr: expr.to_owned() });
        }
        section.done();
    }
    found
}
