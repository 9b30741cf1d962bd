//! A statement with one of its conditions removed: what a test has to notice, or the condition is of no use (mutation testing:
//! DeMillo, Lipton, Sayward, "Hints on Test Data Selection", 1978). Knows no statement of ours.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Query, Select, Statement, Value, VisitMut,
    VisitorMut,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// A statement with a condition removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The statement as it was.
    pub statement: String,
    /// What was removed.
    pub condition: String,
    /// The statement as it is then.
    pub mutated: String,
}

/// Every mutant of a statement: of each one conjunct of a `where` or an `on` is true whatever it says, or one lock of rows
/// isn't taken. None of a text that nobody can read.
pub fn mutants(sql: &str) -> Vec<Mutant> {
    let Ok(original) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { return Vec::new() };
    let mutant = |place: usize| {
        let mut statements = original.clone();
        let mut remover = Remover { place, passed: 0, removed: None };
        let all = statements.visit(&mut remover);
        debug_assert!(all.is_continue(), "nothing breaks off");
        let texts: Vec<String> = statements.iter().map(ToString::to_string).collect();
        let (statement, mutated) = (sql.to_owned(), texts.join("; "));
        remover.removed.map(|condition| Mutant { statement, condition, mutated })
    };
    (0..).map_while(mutant).collect()
}

/// Removes the condition at a place, in the order of visiting.
struct Remover {
    place: usize,
    passed: usize,
    removed: Option<String>,
}

impl Remover {
    /// Whether it is this one's turn.
    fn is_next(&mut self) -> bool {
        self.passed += 1;
        self.passed == self.place + 1
    }

    fn condition(&mut self, condition: &mut Expr) {
        match condition {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition(left);
                self.condition(right);
            }
            Expr::Nested(inner) if is_conjunction(inner) => self.condition(inner),
            _ if self.is_next() => {
                self.removed = Some(condition.to_string());
                // Its parameters stay, and with them their types.
                let either = Expr::BinaryOp {
                    left: Box::new(Expr::Nested(Box::new(condition.clone()))),
                    op: BinaryOperator::Or,
                    right: Box::new(Expr::Value(Value::Boolean(true).into())),
                };
                *condition = Expr::Nested(Box::new(either));
            }
            _ => {}
        }
    }
}

fn is_conjunction(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::And, .. })
}

impl VisitorMut for Remover {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        let selection = match statement {
            Statement::Update(update) => update.selection.as_mut(),
            Statement::Delete(delete) => delete.selection.as_mut(),
            _ => None,
        };
        if let Some(selection) = selection {
            self.condition(selection);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let JoinOperator::Join(on)
            | JoinOperator::Inner(on)
            | JoinOperator::Left(on)
            | JoinOperator::LeftOuter(on) = &mut join.join_operator
                && let JoinConstraint::On(condition) = on
            {
                self.condition(condition);
            }
        }
        if let Some(selection) = &mut select.selection {
            self.condition(selection);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for index in 0..query.locks.len() {
            if self.is_next() {
                self.removed = Some(query.locks.remove(index).to_string());
                break;
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_removed_once_with_its_parameters_kept_and_each_lock() {
        let sql = "with free as (select id from seats where id = any($1) and (held_until is null or held_until <= now()) \
                   for update) update seats set reservation_id = $2 from free where seats.id = free.id";
        let mutants = mutants(sql);
        let removed: Vec<&str> = mutants.iter().map(|mutant| mutant.condition.as_str()).collect();
        assert_eq!(
            removed,
            [
                "FOR UPDATE",
                "id = ANY($1)",
                "(held_until IS NULL OR held_until <= now())",
                "seats.id = free.id",
            ]
        );
        assert!(mutants[1].mutated.contains("((id = ANY($1)) OR true)"), "{}", mutants[1].mutated);
        assert!(!mutants[0].mutated.to_lowercase().contains("for update"));
        assert!(mutants.iter().all(|mutant| mutant.statement == sql));
    }

    #[test]
    fn what_nobody_can_read_has_no_mutants() {
        assert_eq!(mutants("make it so"), []);
    }
}
