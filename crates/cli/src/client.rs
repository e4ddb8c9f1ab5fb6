//! Runs a client command to its exit code.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;
use crate::output;

/// How long the process waits in the end for a write to a stdout that nobody reads.
const LAST_WRITE_GRACE: Duration = Duration::from_millis(200);

/// Runs `command` on a runtime of one thread, which all that a client does fits on.
pub(crate) fn run(command: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::local("the operating system", error)),
    };
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(LAST_WRITE_GRACE);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Says what went wrong; gives the exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    if !matches!(failure, Failure::StdoutClosed) {
        output::say(&format!("millstream: {failure}"));
    }
    if let Some(advice) = failure.advice() {
        output::say(&format!("  {advice}"));
    }
    ExitCode::from(failure.exit_code())
}
