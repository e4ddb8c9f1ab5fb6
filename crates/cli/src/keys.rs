//! `millstream keys`: access keys in the file that a server reads.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use millstream_server::{KeyEditError, NewKey, create_key, list_keys, revoke_key};
use millstream_types::AccountId;

/// Access keys. A running server reads the file again at SIGHUP.
#[derive(Debug, clap::Args)]
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
        /// allowed. Without one the key may do everything in its account
        #[arg(long, value_name = "FILE")]
        policy: Vec<PathBuf>,
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
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprint!("millstream: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                eprint!(": {source}");
                cause = source.source();
            }
            eprintln!();
            ExitCode::from(6)
        }
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Edit(#[from] KeyEditError),
    #[error("cannot read the policy {path}")]
    Policy {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

fn execute(arguments: &Arguments) -> Result<String, KeysError> {
    let path = &arguments.access_keys;
    match &arguments.command {
        Command::Create {
            account,
            name,
            policy,
        } => {
            let read = |path: &PathBuf| {
                std::fs::read_to_string(path)
                    .map(|text| text.trim().to_owned())
                    .map_err(|source| KeysError::Policy {
                        path: path.clone(),
                        source,
                    })
            };
            let new = NewKey {
                account: account.clone(),
                name: name.clone(),
                policies: policy.iter().map(read).collect::<Result<_, _>>()?,
            };
            let key = create_key(path, &new)?;
            Ok(format!(
                "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n# {}; the secret is not shown again\n",
                key.id, key.secret, key.arn
            ))
        }
        Command::List => {
            let keys = list_keys(path)?;
            let line = |key: &millstream_server::ListedKey| {
                let policies = key.policies.join(" ");
                format!("{}\t{}\t{}\t{policies}\n", key.id, key.account, key.arn)
            };
            Ok(keys.iter().map(line).collect())
        }
        Command::Revoke { id } => {
            revoke_key(path, id)?;
            Ok(format!(
                "{id} is revoked; a running server knows after SIGHUP\n"
            ))
        }
    }
}
