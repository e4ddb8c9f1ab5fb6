//! A worker elsewhere is made to hand over by a command of the user's.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::actuator::ActuatorError;
use crate::actuator::processes::named_in;

/// Runs the command for this worker; without one, nothing is to be done. A command that does not end in time is killed.
pub(super) async fn drain(
    command: &[String],
    worker: &Arc<str>,
    grace: Duration,
) -> Result<(), ActuatorError> {
    let words = named_in(command, worker);
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    let not_drained = |cause| ActuatorError::NotDrained {
        worker: Arc::clone(worker),
        cause,
    };
    let running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status();
    let ended = timeout(grace, running).await;
    let late = format!(
        "the drain command takes longer than {} ms",
        grace.as_millis()
    );
    let status = ended
        .map_err(|_| not_drained(late))?
        .map_err(|error| not_drained(error.to_string()))?;
    match status.success() {
        true => Ok(()),
        false => Err(not_drained(status.to_string())),
    }
}
