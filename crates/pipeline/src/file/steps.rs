//! `[[step]]`.

use std::sync::Arc;

use super::reader::{Reader, Section};
use crate::step::{Filter, Map, Step};

pub(super) fn read(
    reader: &mut Reader<'_>,
    sections: Vec<Section<'_>>,
) -> Option<Vec<Arc<dyn Step>>> {
    let mut steps: Vec<Option<Arc<dyn Step>>> = Vec::new();
    for mut section in sections {
        let filter = section.program(reader, "filter");
        let map = section.program(reader, "map");
        let step: Option<Arc<dyn Step>> = match (filter, map) {
            (Some(program), None) => {
                program.map(|program| Arc::new(Filter(program)) as Arc<dyn Step>)
            }
            (None, Some(program)) => program.map(|program| Arc::new(Map(program)) as Arc<dyn Step>),
            (None, None) => {
                let right = "filter = \".quantity > 0\", or map = \"{ticker, price}\"";
                reader.problem(section.at(), format!("a step does nothing: write {right}"));
                None
            }
            (Some(_), Some(_)) => {
                let right = "write [[step]] once for each";
                reader.problem(
                    section.at(),
                    format!("a step is a filter or a map, not both: {right}"),
                );
                None
            }
        };
        section.finish(reader);
        steps.push(step);
    }
    steps.into_iter().collect()
}
