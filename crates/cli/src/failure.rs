//! What can go wrong in a client command: a sentence for people, an exit code for programs.

use std::error::Error;
use std::io;

use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use millstream_scaling::CallError;
use millstream_scaling::actuator::ActuatorError;

/// The part of `--help` that lists the exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes of the client commands:
  0  done (also after Ctrl-C of a command that runs until then)
  1  the service refused: its error code and message are on stderr
  2  the command line is wrong
  3  no answer from the endpoint: not reachable, timed out, or not a Kinesis service
  4  no usable credentials, region or endpoint
  5  not done within the deadline: some records were not accepted, or a stream is not ACTIVE yet
  6  an input or output of the command failed (a file, stdin, stdout)
  7  stopped by Ctrl-C or SIGTERM before all of the input was written
  8  the pipeline stopped: a record cannot be processed and the file has no [dead_letter], or its state is broken

stdout carries data, stderr everything else.";

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The service answered with an error.
    #[error("{message} ({code} from {operation})")]
    Refused {
        operation: &'static str,
        code: String,
        message: String,
    },
    /// The command line contradicts the stream as it is.
    #[error("{0}")]
    Usage(String),
    /// There was no answer, or none that is Kinesis's.
    #[error("no answer to {operation}: {cause}")]
    Unreachable {
        operation: &'static str,
        cause: String,
    },
    /// Credentials, region or endpoint are missing or broken.
    #[error("{0}")]
    Setup(String),
    /// The deadline passed first.
    #[error("{0}")]
    Late(String),
    /// A signal came before the end of the input.
    #[error("{0}")]
    Stopped(String),
    /// A pipeline must not go on.
    #[error("{0}")]
    Pipeline(String),
    /// Workers could not be counted, started or stopped.
    #[error(transparent)]
    Workers(ActuatorError),
    /// A file, stdin or stdout failed.
    #[error("{what}: {source}")]
    Local { what: String, source: io::Error },
    /// Whoever read stdout has left: nothing more to do, and nothing to say.
    #[error("stdout was closed")]
    StdoutClosed,
}

impl Failure {
    /// What the SDK reports about a call of `operation`.
    pub(crate) fn of<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let error = refused.into_err();
                match error.code() {
                    Some(code) => Self::Refused {
                        operation,
                        code: code.to_owned(),
                        message: error.message().unwrap_or("no message").to_owned(),
                    },
                    None => Self::Unreachable {
                        operation,
                        cause: "what answers there is not a Kinesis service".to_owned(),
                    },
                }
            }
            SdkError::ConstructionFailure(failure) => {
                Self::Setup(format!("{operation} cannot be sent: {failure:?}"))
            }
            SdkError::TimeoutError(_) => Self::Unreachable {
                operation,
                cause: "timed out".to_owned(),
            },
            SdkError::DispatchFailure(failure) => Self::Unreachable {
                operation,
                cause: failure
                    .as_connector_error()
                    .map_or_else(|| format!("{failure:?}"), |error| innermost(error)),
            },
            _ => Self::Unreachable {
                operation,
                cause: "its answer cannot be read: what answers there is not a Kinesis service"
                    .to_owned(),
            },
        }
    }

    /// What failed to be read or written.
    pub(crate) fn local(what: impl Into<String>, source: io::Error) -> Self {
        Self::Local {
            what: what.into(),
            source,
        }
    }

    /// A failed write to stdout.
    pub(crate) fn stdout(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::StdoutClosed
        } else {
            Self::local("stdout", source)
        }
    }

    /// Whether the service answered with this error code.
    pub(crate) fn is(&self, expected: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == expected)
    }

    /// Whether the same call may succeed soon.
    pub(crate) fn is_passing(&self) -> bool {
        const PASSING: [&str; 5] = [
            "ProvisionedThroughputExceededException",
            "LimitExceededException",
            "InternalFailure",
            "InternalFailureException",
            "ServiceUnavailable",
        ];
        match self {
            Self::Refused { code, .. } => PASSING.contains(&code.as_str()),
            Self::Unreachable { .. } => true,
            Self::Workers(error) => error.is_passing(),
            _ => false,
        }
    }

    /// See [`EXIT_CODES`].
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::StdoutClosed => 0,
            Self::Refused { .. } => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Setup(_) => 4,
            Self::Late(_) => 5,
            Self::Local { .. } => 6,
            Self::Stopped(_) => 7,
            Self::Pipeline(_) => 8,
            Self::Workers(error) => match error {
                ActuatorError::Call(CallError::Unreachable { .. }) => 3,
                ActuatorError::Call(CallError::Setup(_)) => 4,
                ActuatorError::Call(_) | ActuatorError::Bounds { .. } => 1,
                _ => 6,
            },
        }
    }

    /// What the user can do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Refused { code, message, .. } => advice_on(code, message),
            Self::Unreachable { cause, .. } if cause.contains("certificate") => Some(
                "to trust the server's own certificate, set SSL_CERT_FILE to it (the server's start-up text names the file)",
            ),
            Self::Unreachable { .. } => Some(
                "is the server running (`millstream serve`), and is --endpoint-url or AWS_ENDPOINT_URL its address?",
            ),
            Self::Usage(_)
            | Self::Setup(_)
            | Self::Late(_)
            | Self::Stopped(_)
            | Self::Pipeline(_)
            | Self::Workers(_)
            | Self::Local { .. }
            | Self::StdoutClosed => None,
        }
    }
}

fn advice_on(code: &str, message: &str) -> Option<&'static str> {
    Some(match code {
        "ResourceNotFoundException" if message.starts_with("Stream ") => {
            "`millstream streams list` shows the streams of this endpoint, account and region"
        }
        "ResourceNotFoundException" => "`millstream streams describe STREAM` shows the shards",
        "ResourceInUseException" if message.contains("already exists") => {
            "choose another name, or delete the stream first"
        }
        "ResourceInUseException" => "wait until the stream is ACTIVE and try again",
        "ProvisionedThroughputExceededException" => {
            "the shard is at its limit: try again in a second, or split it with `millstream streams split`"
        }
        "LimitExceededException" => "try again later, or ask for less",
        "UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException" => {
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, --profile and --region"
        }
        "AccessDeniedException" => "the access key's policies do not allow this",
        "InternalFailure" | "InternalFailureException" | "ServiceUnavailable" => {
            "the server's log says why; a record that was being written may or may not be stored"
        }
        _ => return None,
    })
}

/// An error with all its causes.
pub(crate) fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}

/// The last error of the chain: "connection refused" rather than "dispatch failure".
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
