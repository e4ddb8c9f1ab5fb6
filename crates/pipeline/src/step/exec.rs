//! `exec`: a step in any language, as a program that speaks JSON lines.
//!
//! The program gets `{"id":1,"value":...}` on its standard input, one line for each value, and answers each with a line on
//! its standard output, in any order: `{"id":1,"value":...}` for one result, `{"id":1,"values":[...]}` for none or
//! several, `{"id":1,"error":"..."}` for a record that it rejects. What it writes to standard error is logged. At the end
//! its standard input is closed.
//!
//! A program that dies, hangs, answers nonsense or takes too much memory is ended and started again, and what it had not
//! answered is given again: one value at a time, until it is known which value it fails on. That one is rejected after
//! [`TRIES`]; the others go on. A program that fails on value after value works for none: then the pipeline stops.

mod answer;
mod child;
mod watch;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jaq_json::Val;
use parking_lot::Mutex;

use super::{Broken, Step, StepError};
use crate::jq::Limits;
use crate::value;

use child::Child;

/// So often a value is given to a program that fails on it, alone, before it is rejected.
pub const TRIES: u32 = 3;
/// So many values in a row may fail a program before it counts as broken.
const FAILED_IN_A_ROW_MAX: u32 = 5;
/// Largest value that is given, in memory; and longest line that is taken.
const VALUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Values are given together while their text has no more bytes than this, but for the last of them.
const TOGETHER_BYTES_MAX: usize = 1024 * 1024;
/// A program that answers more than this for the records that go together is broken.
const ANSWERS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Pause before a program is started again that has answered nothing; doubled each time up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How a program is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSettings {
    /// The program and its arguments, at least one.
    pub command: Vec<String>,
    /// A program that has values and answers none for so long hangs. Default 30 s.
    pub answer_time: Duration,
    /// Most bytes of memory (resident) of the program while it has values, looked at ten times a second; on Linux alone,
    /// and without the processes that it starts. Default 1 GiB.
    pub memory_bytes_max: u64,
}

impl ExecSettings {
    /// A command with the defaults.
    pub fn new(command: Vec<String>) -> Self {
        Self {
            command,
            answer_time: Duration::from_secs(30),
            memory_bytes_max: 1 << 30,
        }
    }
}

/// The step. It runs as many programs at a time as there are threads that apply it.
#[derive(Debug)]
pub struct Exec {
    settings: ExecSettings,
    /// Programs that have no values now.
    idle: Mutex<Vec<Child>>,
    failed_in_a_row: AtomicU32,
}

/// A value on its way.
struct Given {
    line: Vec<u8>,
    answer: Option<Result<Vec<Val>, StepError>>,
    answer_bytes: usize,
    tries: u32,
}

impl Exec {
    /// The step; no program is started before there is a value.
    pub fn new(settings: ExecSettings) -> Self {
        Self {
            settings,
            idle: Mutex::default(),
            failed_in_a_row: AtomicU32::new(0),
        }
    }

    /// Gives the values to a program. What it answered before it failed is kept.
    fn give(&self, all: &mut [Given], which: &[usize], limits: &Limits) -> Result<(), Failure> {
        let idle = self.idle.lock().pop();
        let mut child = match idle {
            Some(child) => child,
            None => Child::start(&self.settings)
                .map_err(|error| Failure::NotStarted(error.to_string()))?,
        };
        let mut answers = Vec::new();
        let lines = which.iter().map(|index| &all[*index].line[..]);
        let taken = child.exchange(lines, limits, |position, answer| {
            answers.push((which[position], answer));
        });
        for (index, answer) in answers {
            all[index].answer = Some(answer.answer);
            all[index].answer_bytes = answer.bytes;
            self.failed_in_a_row.store(0, Ordering::Relaxed);
        }
        match taken {
            Ok(()) => {
                self.idle.lock().push(child);
                Ok(())
            }
            Err(cause) => Err(Failure::Failed {
                cause: child.end(&cause),
                has_answered: child.has_answered(),
            }),
        }
    }

    /// The program has failed on this value alone, once more; an error if it works for no value.
    fn failed_alone(&self, given: &mut Given, cause: &str) -> Result<(), Broken> {
        given.tries += 1;
        if given.tries < TRIES {
            return Ok(());
        }
        let in_a_row = self.failed_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if in_a_row >= FAILED_IN_A_ROW_MAX {
            return Err(Broken(format!(
                "{cause}, for {in_a_row} values in a row, each given {TRIES} times"
            )));
        }
        given.answer = Some(Err(StepError::Custom(format!(
            "{cause}, each of the {TRIES} times that it had this value alone"
        ))));
        Ok(())
    }
}

impl Exec {
    /// Sees to it that all of the values have answers.
    fn work_on(&self, all: &mut [Given], limits: &Limits) -> Result<(), Broken> {
        let mut is_alone = false;
        let mut pause = PAUSE_MIN;
        loop {
            let waiting = (0..all.len()).filter(|index| all[*index].answer.is_none());
            let which: Vec<usize> = waiting
                .take(if is_alone { 1 } else { usize::MAX })
                .collect();
            let Some(first) = which.first().copied() else {
                return Ok(());
            };
            let Err(failure) = self.give(all, &which, limits) else {
                continue;
            };
            let (cause, has_answered) = match failure {
                Failure::Failed {
                    cause,
                    has_answered,
                } => (cause, has_answered),
                Failure::NotStarted(cause) => {
                    let command = &self.settings.command[0];
                    return Err(Broken(format!("{command} cannot be started: {cause}")));
                }
            };
            tracing::warn!(
                step = self.describe(),
                cause,
                "program failed; it is started again"
            );
            if which.len() == 1 {
                self.failed_alone(&mut all[first], &cause)?;
                // Once the one that it fails on is found, the others may go together again.
                is_alone = all[first].answer.is_none();
            } else {
                is_alone = true;
            }
            if has_answered {
                pause = PAUSE_MIN;
            } else {
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Why values were not all answered.
enum Failure {
    NotStarted(String),
    Failed { cause: String, has_answered: bool },
}

impl Step for Exec {
    fn apply(&self, value: Val, limits: &Limits) -> Result<Vec<Val>, StepError> {
        match self.apply_all(vec![value], limits) {
            Ok(answers) => answers
                .into_iter()
                .next()
                .unwrap_or(Err(StepError::Panicked)),
            Err(broken) => Err(StepError::Custom(broken.0)),
        }
    }

    fn gains_by_many(&self) -> bool {
        true
    }

    fn apply_all(
        &self,
        values: Vec<Val>,
        limits: &Limits,
    ) -> Result<Vec<Result<Vec<Val>, StepError>>, Broken> {
        let mut answers = Vec::with_capacity(values.len());
        let (mut together, mut bytes, mut answered_bytes) = (Vec::new(), 0, 0);
        let mut values = values.iter().peekable();
        while let Some(value) = values.next() {
            let given = given(value);
            bytes += given.line.len();
            together.push(given);
            if bytes < TOGETHER_BYTES_MAX && values.peek().is_some() {
                continue;
            }
            self.work_on(&mut together, limits)?;
            bytes = 0;
            for given in together.drain(..) {
                answered_bytes += given.answer_bytes;
                let answer = given
                    .answer
                    .ok_or_else(|| Broken("a value has no answer".to_owned()));
                answers.push(answer?);
            }
            if answered_bytes > ANSWERS_BYTES_MAX {
                return Err(Broken(format!(
                    "the program answers more than {ANSWERS_BYTES_MAX} bytes for a few records"
                )));
            }
        }
        Ok(answers)
    }

    fn describe(&self) -> String {
        format!("exec {}", self.settings.command.join(" "))
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.idle.get_mut().drain(..).for_each(Child::finish);
    }
}

fn given(value: &Val) -> Given {
    let (line, answer) = match value::to_json(value, VALUE_BYTES_MAX) {
        Ok(value) => (value.to_string().into_bytes(), None),
        Err(error) => {
            let cause = format!("the value cannot be given to the program: {error}");
            (Vec::new(), Some(Err(StepError::Custom(cause))))
        }
    };
    Given {
        line,
        answer,
        answer_bytes: 0,
        tries: 0,
    }
}

#[cfg(test)]
mod tests;
