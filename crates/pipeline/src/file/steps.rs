//! `[[step]]`.

use std::sync::Arc;
use std::time::Duration;

use super::reader::{Reader, Section};
use crate::step::exec::{Exec, ExecSettings};
use crate::step::{Filter, Map, Step};

const RIGHT: &str =
    "filter = \".quantity > 0\", map = \"{ticker, price}\" or exec = [\"python3\", \"score.py\"]";
const MEMORY_MIN: usize = 1024 * 1024;

pub(super) fn read(
    reader: &mut Reader<'_>,
    sections: Vec<Section<'_>>,
) -> Option<Vec<Arc<dyn Step>>> {
    let steps = sections.into_iter().map(|section| one(reader, section));
    steps.collect::<Vec<_>>().into_iter().collect()
}

fn one(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn Step>> {
    let at = section.at();
    let filter = section.program(reader, "filter");
    let map = section.program(reader, "map");
    let exec = exec(reader, &mut section);
    section.finish(reader);
    let steps = [
        filter.map(|program| program.map(|program| Arc::new(Filter(program)) as Arc<dyn Step>)),
        map.map(|program| program.map(|program| Arc::new(Map(program)) as Arc<dyn Step>)),
        exec.map(|settings| {
            settings.map(|settings| Arc::new(Exec::new(settings)) as Arc<dyn Step>)
        }),
    ];
    let mut declared = steps.into_iter().flatten();
    match (declared.next(), declared.next()) {
        (Some(step), None) => step,
        (None, _) => {
            reader.problem(at, format!("a step does nothing: write {RIGHT}"));
            None
        }
        (Some(_), Some(_)) => {
            reader.problem(
                at,
                format!("a step does one thing: write [[step]] once for each of {RIGHT}"),
            );
            None
        }
    }
}

/// Nothing if there is none; nothing inside if there was a mistake.
fn exec(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Option<ExecSettings>> {
    let is_there = section.has("exec");
    let command = section.texts(reader, "exec");
    let timeout = section.duration(reader, "timeout");
    let memory = section.bytes(reader, "memory");
    if !is_there {
        for (name, at) in [
            ("timeout", timeout.map(|(_, at)| at)),
            ("memory", memory.map(|(_, at)| at)),
        ] {
            if let Some(at) = at {
                let path = section.path_of(name);
                reader.problem(at, format!("{path} is for exec = [...]: leave it out"));
            }
        }
        return None;
    }
    let mut settings = ExecSettings::new(command);
    if let Some((time, at)) = timeout {
        settings.answer_time = time;
        if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&time) {
            let path = section.path_of("timeout");
            reader.problem(at, format!("{path} must be 100 ms to 1 hour"));
        }
    }
    if let Some((bytes, at)) = memory {
        settings.memory_bytes_max = bytes as u64;
        if bytes < MEMORY_MIN {
            let path = section.path_of("memory");
            reader.problem(at, format!("{path} must be at least 1 MiB"));
        }
    }
    if settings.command.first().is_none_or(String::is_empty) {
        let path = section.path_of("exec");
        reader.problem(
            section.at(),
            format!("{path} names no program: write exec = [\"python3\", \"score.py\"]"),
        );
        return Some(None);
    }
    Some(Some(settings))
}
