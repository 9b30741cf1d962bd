//! `ticketctl user`: makes accounts in any role, which no route does, and changes roles.

use std::io::Read as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::bad_input::BadInput;
use super::output;
use super::shared::{Database, email};
use crate::accounts::password;
use crate::domain::account::PASSWORD_LENGTH_MAX;
use crate::domain::{Email, Password, Role, UserId};
use crate::entropy::Entropy;
use crate::storage::accounts::{self, User};

/// Characters of UTF-8 have up to four bytes; and a line end.
const STDIN_BYTES_MAX: u64 = 4 * PASSWORD_LENGTH_MAX as u64 + 2;

const EXAMPLES: &str = "\
Examples:
  ticketctl user create --email ada@example.org --role admin
  pass show tickets | ticketctl user create --email bob@example.org --role organizer \\
    --password-stdin
  ticketctl user set-role --email bob@example.org --role customer";

/// Make accounts and give them roles.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
    SetRole(SetRole),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  ticketctl user create --email ada@example.org --role admin
  pass show tickets | ticketctl user create --email bob@example.org --role organizer \\
    --password-stdin";

/// Make an account; without --password-stdin its password is made up and printed, once.
#[derive(Debug, clap::Args)]
#[command(after_help = CREATE_EXAMPLES)]
struct Create {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    who: Who,
    /// Read the password from stdin, without the line end at its end.
    #[arg(long)]
    password_stdin: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const SET_ROLE_EXAMPLES: &str = "\
Examples:
  ticketctl user set-role --email bob@example.org --role customer";

/// Give an account another role; it takes effect with the next access token.
#[derive(Debug, clap::Args)]
#[command(after_help = SET_ROLE_EXAMPLES)]
struct SetRole {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    who: Who,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Who {
    /// The account's e-mail address.
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    email: Email,
    /// Its role.
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
    role: String,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<uuid::Uuid>,
    email: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

/// Runs the subcommand.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Create(args) => create(args).await,
        Command::SetRole(args) => set_role(args).await,
    }
}

async fn create(args: Create) -> anyhow::Result<ExitCode> {
    let entropy = Entropy::from_os();
    let Who { email, role } = &args.who;
    let made_up = (!args.password_stdin).then(|| URL_SAFE_NO_PAD.encode(entropy.secret()));
    let typed = match &made_up {
        Some(password) => password.clone(),
        None => password_from_stdin()?,
    };
    let password = Password::parse(typed).map_err(|error| BadInput(error.to_string()))?;
    let storage = args.database.open().await?;
    let user = User {
        id: UserId(entropy.uuid()),
        role: parse_role(role)?,
        password_hash: password::hash(&password, entropy.secret())?,
    };
    let mut connection = storage.connection().await?;
    if !accounts::register(&mut connection, email, &user).await? {
        let address = email.as_str();
        return Err(BadInput(format!(
            "{address} has an account already, change its role with `ticketctl user set-role`"
        ))
        .into());
    }
    if args.json {
        let password = made_up.as_deref();
        output::json(&Report { id: Some(user.id.0), email: email.as_str(), role, password })?;
    } else {
        output::data(format_args!("{role} {} is {}", email.as_str(), user.id.0));
        if let Some(password) = made_up {
            output::data(format_args!("password, shown this once: {password}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set_role(args: SetRole) -> anyhow::Result<ExitCode> {
    let Who { email, role } = &args.who;
    let storage = args.database.open().await?;
    let mut connection = storage.connection().await?;
    if !accounts::set_role(&mut connection, email, parse_role(role)?).await? {
        let address = email.as_str();
        return Err(BadInput(format!(
            "{address} has no account, make one with `ticketctl user create`"
        ))
        .into());
    }
    if args.json {
        output::json(&Report { id: None, email: email.as_str(), role, password: None })?;
    } else {
        output::data(format_args!("{} is {role} with the next access token", email.as_str()));
    }
    Ok(ExitCode::SUCCESS)
}

fn password_from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().take(STDIN_BYTES_MAX).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn parse_role(name: &str) -> anyhow::Result<Role> {
    Role::parse(name).ok_or_else(|| BadInput(format!("{name} is no role")).into())
}
