//! `serve --sabotage`: which bug a server gets, and on which databases it may have one.

use clap::builder::PossibleValuesParser;

use super::bad_input::BadInput;
use crate::booking::strategies::StrategyEntry;
use crate::sabotage::{self, Bug, Planted};
use crate::storage::{Storage, throwaway};

/// Which bug.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Self-test")]
pub struct SabotageArgs {
    /// Put a bug into this server on purpose, to see whether the harness finds it: on throwaway stacks only; `ticketctl chaos
    /// self-test --list` names them.
    #[arg(long, env = "SABOTAGE", value_name = "BUG", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(sabotage::names()))]
    sabotage: Option<String>,
}

impl SabotageArgs {
    /// Puts the bug in, if there is one; returns the URL of the database through it.
    ///
    /// # Errors
    /// The bug is one of another strategy.
    pub async fn begin(
        &self,
        strategy: &StrategyEntry,
        database_url: &str,
    ) -> anyhow::Result<(Planted, String)> {
        let bug = self.bug();
        if let Some(Bug { name, strategy: Some(of), .. }) = bug
            && *of != strategy.name
        {
            return Err(BadInput(format!(
                "the bug {name} is one of the strategy {of}, give --strategy {of} or choose another bug"
            ))
            .into());
        }
        if let Some(Bug { name, origin, .. }) = bug {
            tracing::warn!(bug = name, origin, "SABOTAGED: this server has a bug on purpose");
        }
        Planted::begin(bug, database_url).await
    }

    /// Refuses a bug where it could do harm.
    ///
    /// # Errors
    /// The database is no throwaway stack's, or can't be asked.
    pub async fn check(&self, storage: &Storage) -> anyhow::Result<()> {
        let Some(Bug { name, .. }) = self.bug() else { return Ok(()) };
        if throwaway::is_throwaway(&mut *storage.connection().await?).await? {
            return Ok(());
        }
        Err(BadInput(format!(
            "the bug {name} does harm and runs on throwaway stacks only, use `ticketctl chaos self-test --only {name}`"
        ))
        .into())
    }

    fn bug(&self) -> Option<&'static Bug> {
        self.sabotage.as_deref().and_then(sabotage::find)
    }
}
