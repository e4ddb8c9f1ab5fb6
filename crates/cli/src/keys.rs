//! `millstream keys`: access keys in the file that a server reads.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use millstream_server::{KeyEditError, NewKey, create_key, list_keys, revoke_key};
use millstream_types::AccountId;

use crate::failure::Failure;
use crate::output;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused: the file of keys holds no such key, or is not one that a server would read
  2  the command line or a policy is wrong
  6  a file, or stdout, cannot be read or written

A key whose secret could not be shown is not kept.";

/// Access keys. A running server reads the file again at SIGHUP.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The file of access keys; made with mode 0600 if it is not there
    #[arg(
        long,
        env = "MILLSTREAM_ACCESS_KEYS",
        value_name = "FILE",
        global = true,
        default_value = "access-keys.toml"
    )]
    access_keys: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key; its secret is shown this once
    Create {
        /// The account that the key acts for: 12 digits
        #[arg(long, value_name = "ID", default_value = "000000000000")]
        account: AccountId,
        /// Name of its owner: the last part of the ARN that policies and the audit log know it by. Default: its id
        #[arg(long)]
        name: Option<String>,
        /// File with a policy in IAM's JSON that says what the key may do; copied into the file of keys. Several are
        /// allowed
        #[arg(
            long,
            value_name = "FILE",
            required_unless_present = "allow_everything"
        )]
        policy: Vec<PathBuf>,
        /// The key may do everything in its account
        #[arg(long, conflicts_with = "policy")]
        allow_everything: bool,
    },
    /// List the keys, without their secrets
    List,
    /// Take a key out of the file
    Revoke {
        /// The key's id
        id: String,
    },
}

/// Does what the arguments say.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match execute(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(KeysError::Output(failure @ Failure::StdoutClosed)) => {
            ExitCode::from(failure.exit_code())
        }
        Err(error) => {
            let mut text = format!("millstream: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                text += &format!(": {source}");
                cause = source.source();
            }
            output::say(&text);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Edit(#[from] KeyEditError),
    #[error("cannot read the policy {path}")]
    PolicyFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the key was not kept, as its secret could not be shown: {0}")]
    NotShown(Box<Failure>),
    #[error("the key {id} is in the file, but its secret could not be shown: {shown}. Revoke it")]
    NotTakenBack {
        id: String,
        shown: Box<Failure>,
        #[source]
        source: KeyEditError,
    },
    #[error("{0}")]
    Output(Failure),
}

impl KeysError {
    /// See [`EXIT_CODES`].
    fn exit_code(&self) -> u8 {
        match self {
            Self::Edit(KeyEditError::NewKey(_)) => 2,
            Self::Edit(error) if error.is_of_files() => 6,
            Self::Edit(_) => 1,
            Self::PolicyFile { .. } | Self::NotShown(_) | Self::NotTakenBack { .. } => 6,
            Self::Output(failure) => failure.exit_code(),
        }
    }
}

fn execute(arguments: &Arguments) -> Result<(), KeysError> {
    let path = &arguments.access_keys;
    match &arguments.command {
        Command::Create {
            account,
            name,
            policy,
            allow_everything,
        } => {
            let policies = match allow_everything {
                true => vec!["*".to_owned()],
                false => policy.iter().map(read_policy).collect::<Result<_, _>>()?,
            };
            let new = NewKey {
                account: account.clone(),
                name: name.clone(),
                policies,
            };
            create(path, &new)
        }
        Command::List => {
            let keys = list_keys(path)?;
            let line = |key: &millstream_server::ListedKey| {
                let policies = key.policies.join(" ");
                format!("{}\t{}\t{}\t{policies}\n", key.id, key.account, key.arn)
            };
            let text: String = keys.iter().map(line).collect();
            output::print_all(&text).map_err(KeysError::Output)
        }
        Command::Revoke { id } => {
            revoke_key(path, id)?;
            let text = format!("{id} is revoked; a running server knows after SIGHUP");
            output::print_line(&text).map_err(KeysError::Output)
        }
    }
}

fn read_policy(path: &PathBuf) -> Result<String, KeysError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(KeysError::PolicyFile {
            path: path.clone(),
            source,
        }),
    }
}

/// A key whose secret nobody has seen would only be one more way in.
fn create(path: &Path, new: &NewKey) -> Result<(), KeysError> {
    let key = create_key(path, new)?;
    let text = format!(
        "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n# {}; the secret is not shown again\n",
        key.id, key.secret, key.arn
    );
    let Err(shown) = output::print_all(&text).map_err(Box::new) else {
        return Ok(());
    };
    match revoke_key(path, &key.id) {
        Ok(()) => Err(KeysError::NotShown(shown)),
        Err(source) => Err(KeysError::NotTakenBack {
            id: key.id,
            shown,
            source,
        }),
    }
}
