//! `[window]`.

use std::time::Duration;

use super::reader::{Reader, Section};
use crate::window::{Aggregate, Function, Plan};

const EVERY_MIN: Duration = Duration::from_secs(1);
const EVERY_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
const LATE: Duration = Duration::from_secs(30);
const REVISE: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);
const STATE_BYTES: usize = 64 * 1024 * 1024;
/// Names of a result's own members.
const RESERVED: &[&str] = &["window", "by", "complete", "revision"];
const FUNCTIONS: &str = "count, sum, min, max, mean, first, last, distinct, p50 to p99.99, top N";

pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Plan> {
    if !section.has("every") {
        reader.problem(
            section.at(),
            "window.every is missing: write every = \"1m\"".to_owned(),
        );
    }
    let every = section.duration(reader, "every").filter(|(every, at)| {
        let fits = (EVERY_MIN..=EVERY_MAX).contains(every) && every.subsec_nanos() % 1_000_000 == 0;
        if !fits {
            reader.problem(
                *at,
                "window.every must be 1 second to 7 days, in whole milliseconds".to_owned(),
            );
        }
        fits
    });
    let by = section.program(reader, "by");
    let time = section.program(reader, "time");
    let late = section.duration(reader, "late");
    if let (None, Some((_, at))) = (&time, &late) {
        reader.problem(
            *at,
            "window.late is for times of records: write time = \".at\" too, or leave it out"
                .to_owned(),
        );
    }
    let late = late.map_or(
        if time.is_some() { LATE } else { Duration::ZERO },
        |(late, _)| late,
    );
    let revise = section
        .duration(reader, "revise")
        .map_or(REVISE, |(revise, _)| revise);
    let patience = section
        .duration(reader, "patience")
        .map_or(PATIENCE, |(patience, _)| patience);
    let state_bytes_max = section
        .bytes(reader, "state")
        .map_or(STATE_BYTES, |(bytes, _)| bytes);
    let values = match section.section(reader, "values") {
        Some(values) => read_values(reader, values),
        None => {
            if !section.has("values") {
                let right = "values = { records = \"count\" }";
                reader.problem(
                    section.at(),
                    format!("window.values is missing: write {right}"),
                );
            }
            None
        }
    };
    section.finish(reader);
    let ms = |duration: Duration| {
        i64::try_from(duration.as_millis())
            .unwrap_or(i64::MAX / 4)
            .min(i64::MAX / 4)
    };
    Some(Plan {
        every_ms: ms(every?.0),
        by: transposed(by)?,
        time: transposed(time)?,
        late_ms: ms(late),
        revise_ms: ms(revise),
        patience_ms: ms(patience),
        values: values?,
        state_bytes_max,
    })
}

/// Nothing if there was a mistake; nothing inside if it was left out.
fn transposed<T>(program: Option<Option<T>>) -> Option<Option<T>> {
    match program {
        None => Some(None),
        Some(program) => program.map(Some),
    }
}

fn read_values(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Vec<Aggregate>> {
    let mut values = Vec::new();
    for (name, at) in section.rest() {
        if RESERVED.contains(&name.as_str()) {
            reader.problem(at, format!("window.values.{name}: every result has a member {name} already: choose another name"));
        }
        let path = section.path_of(&name);
        let value = section
            .text(reader, &name)
            .and_then(|(text, at)| aggregate(reader, &path, name, &text, at));
        values.push(value);
    }
    if values.is_empty() {
        reader.problem(
            section.at(),
            "window.values is empty: write values = { records = \"count\" }".to_owned(),
        );
    }
    values.into_iter().collect()
}

fn aggregate(
    reader: &mut Reader<'_>,
    path: &str,
    name: String,
    text: &str,
    at: usize,
) -> Option<Aggregate> {
    let (word, rest) = text
        .trim()
        .split_once(char::is_whitespace)
        .unwrap_or((text.trim(), ""));
    let (function, of) = match word {
        "count" => (Some(Function::Count), rest),
        "sum" => (Some(Function::Sum), rest),
        "min" => (Some(Function::Min), rest),
        "max" => (Some(Function::Max), rest),
        "mean" => (Some(Function::Mean), rest),
        "first" => (Some(Function::First), rest),
        "last" => (Some(Function::Last), rest),
        "distinct" => (Some(Function::Distinct), rest),
        "top" => {
            let (n, of) = rest
                .trim()
                .split_once(char::is_whitespace)
                .unwrap_or((rest.trim(), ""));
            let n = n.parse().ok().filter(|n| (1..=1000).contains(n));
            (n.map(Function::Top), of)
        }
        other => {
            let percent = other
                .strip_prefix('p')
                .and_then(|percent| percent.parse::<f64>().ok());
            let share = percent
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(|percent| percent / 100.0);
            (share.map(Function::Quantile), rest)
        }
    };
    let Some(function) = function else {
        reader.problem(at, format!("{path} {text:?} is no function: write one of {FUNCTIONS}, and of what: \"sum .quantity\""));
        return None;
    };
    let of = of.trim();
    if of.is_empty() && function != Function::Count {
        reader.problem(at, format!("{path}: of what? Write \"{word} .price\""));
        return None;
    }
    let of = if of.is_empty() {
        None
    } else {
        Some(program_in(reader, path, text, of, at)?)
    };
    Some(Aggregate { name, function, of })
}

/// Compiles the program at the end of a text.
fn program_in(
    reader: &mut Reader<'_>,
    path: &str,
    whole: &str,
    of: &str,
    at: usize,
) -> Option<crate::jq::Program> {
    match crate::jq::Program::compile(of) {
        Ok(program) => Some(program),
        Err(error) => {
            // Behind the quote and the function's name.
            let inside = whole.rfind(of).unwrap_or(0);
            reader.problem(
                at + 1 + inside + error.offset,
                format!("{path} is no jq program: {error}"),
            );
            None
        }
    }
}
