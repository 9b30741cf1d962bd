//! Orders as people read them: a sequence diagram in plain text, or in Mermaid's language.

use super::case::Case;
use super::ran::Line;

/// Narrowest column of a session.
const WIDTH_MIN: usize = 24;

/// The order, a column a session.
pub fn text(case: &Case, lines: &[Line]) -> String {
    let heads = heads(case);
    let cells: Vec<(usize, String)> = lines.iter().map(cell).collect();
    let width = |session: usize| {
        let of = cells
            .iter()
            .filter(|(other, _)| *other == session)
            .map(|(_, text)| text.chars().count());
        of.chain([heads[session].chars().count(), WIDTH_MIN]).max().unwrap_or(WIDTH_MIN)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut drawn = String::new();
    let mut row = |at: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(session, width)| format!("{:width$}", at(session)))
            .collect();
        drawn.push_str(cells.join("  ").trim_end());
        drawn.push('\n');
    };
    row(&|session| heads[session].clone());
    row(&|session| "-".repeat(widths[session]));
    for (session, text) in &cells {
        row(&|other| if other == *session { text.clone() } else { "|".to_owned() });
    }
    drawn
}

/// The same for Mermaid.
pub fn mermaid(case: &Case, lines: &[Line]) -> String {
    let heads = heads(case).into_iter().enumerate();
    let mut drawn = vec!["sequenceDiagram".to_owned()];
    drawn.extend(heads.map(|(session, head)| format!("    participant S{session} as {head}")));
    drawn.push("    participant D as PostgreSQL".to_owned());
    for line in lines {
        let (session, text) = cell(line);
        match line {
            Line::Step { name, waits, .. } => {
                drawn.push(format!("    S{session}->>D: {name}"));
                if *waits {
                    drawn.push(format!("    Note over S{session},D: waits for a lock"));
                }
            }
            Line::GoesOn { .. } => drawn.push(format!("    Note over S{session},D: goes on")),
            Line::Answer { .. } => drawn.push(format!("    Note over S{session}: {text}")),
        }
    }
    drawn.join("\n") + "\n"
}

fn heads(case: &Case) -> Vec<String> {
    let head = |(number, operation): (usize, &super::case::Operation)| {
        format!("{} {}", number + 1, operation.name())
    };
    case.operations.iter().enumerate().map(head).collect()
}

fn cell(line: &Line) -> (usize, String) {
    match line {
        Line::Step { session, name, waits: false } => (*session, name.clone()),
        Line::Step { session, name, waits: true } => (*session, format!("{name} (waits)")),
        Line::GoesOn { session } => (*session, "(goes on)".to_owned()),
        Line::Answer { session, text } => (*session, format!("=> {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{Keys, Operation};
    use super::*;

    fn sample() -> (Case, Vec<Line>) {
        let case = Case { operations: vec![Operation::Hold, Operation::Cancel], keys: Keys::Own };
        let lines = vec![
            Line::Step { session: 0, name: "begin".to_owned(), waits: false },
            Line::Step { session: 1, name: "update seats".to_owned(), waits: true },
            Line::Answer { session: 0, text: "201 held".to_owned() },
            Line::GoesOn { session: 1 },
        ];
        (case, lines)
    }

    #[test]
    fn a_column_a_session_and_a_line_a_step() {
        let (case, lines) = sample();
        assert_eq!(
            text(&case, &lines),
            "1 hold                    2 cancel\n\
             ------------------------  ------------------------\n\
             begin                     |\n\
             |                         update seats (waits)\n\
             => 201 held               |\n\
             |                         (goes on)\n"
        );
    }

    #[test]
    fn mermaid_has_the_same() {
        let (case, lines) = sample();
        let drawn = mermaid(&case, &lines);
        assert!(drawn.contains("participant S1 as 2 cancel"), "{drawn}");
        assert!(
            drawn.contains("S1->>D: update seats\n    Note over S1,D: waits for a lock"),
            "{drawn}"
        );
    }
}
