//! `millstream pipeline show`.

use std::path::Path;

use super::file;
use crate::failure::Failure;
use crate::output;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let pipeline = file::read(path)?;
    output::print_all(&millstream_pipeline::drawing::draw(&pipeline))
}
