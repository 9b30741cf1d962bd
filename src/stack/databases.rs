//! Databases beside the stack's own: for runs that share one PostgreSQL and must not see each other's rows. Refuses to make
//! any in a PostgreSQL that this stack did not start.

use anyhow::{Context, ensure};
use reqwest::Url;

use super::{Stack, postgres};

/// The database that every PostgreSQL has.
const MAINTENANCE: &str = "postgres";

impl Stack {
    /// Copies the stack's own database, which nobody may use meanwhile; returns the copy's URL.
    ///
    /// # Errors
    /// PostgreSQL is not this stack's, or refuses.
    pub async fn copy_database(&self, name: &str) -> anyhow::Result<String> {
        let template = self.database_url().rsplit('/').next().unwrap_or_default();
        postgres::create_database(&self.sibling(MAINTENANCE)?, name, Some(template))
            .await
            .with_context(|| format!("cannot create the database {name}"))?;
        self.sibling(name)
    }

    /// Drops such a copy, whoever uses it.
    ///
    /// # Errors
    /// PostgreSQL is not this stack's, or refuses.
    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        postgres::drop_database(&self.sibling(MAINTENANCE)?, name)
            .await
            .with_context(|| format!("cannot drop the database {name}"))
    }

    fn sibling(&self, name: &str) -> anyhow::Result<String> {
        ensure!(
            self.stores.processes.contains_key(postgres::NAME),
            "PostgreSQL is external, so no databases are made in it"
        );
        let mut url = Url::parse(self.database_url())?;
        url.set_path(name);
        Ok(url.into())
    }
}
