//! Reading the file.

use std::path::Path;

use millstream_pipeline::{InvalidFile, Pipeline};

use crate::failure::Failure;

/// The pipeline that the file declares.
pub(crate) fn read(path: &Path) -> Result<Pipeline, Failure> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::local(name.clone(), error))?;
    Pipeline::parse(&text).map_err(|InvalidFile(problems)| {
        let count = match problems.len() {
            1 => "1 mistake".to_owned(),
            many => format!("{many} mistakes"),
        };
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{name}:{problem}"))
            .collect();
        Failure::Usage(format!("{name} has {count}\n{}", lines.join("\n")))
    })
}
