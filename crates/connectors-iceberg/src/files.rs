//! Rows as files of Parquet, one for each partition that they fall into.

use std::sync::Arc;

use iceberg::arrow::RecordBatchPartitionSplitter;
use iceberg::spec::{DataFile, DataFileFormat, PartitionKey, Struct};
use iceberg::table::Table;
use iceberg::writer::base_writer::data_file_writer::DataFileWriterBuilder;
use iceberg::writer::file_writer::ParquetWriterBuilder;
use iceberg::writer::file_writer::location_generator::{
    DefaultFileNameGenerator, DefaultLocationGenerator,
};
use iceberg::writer::file_writer::rolling_writer::RollingFileWriterBuilder;
use iceberg::writer::{IcebergWriter, IcebergWriterBuilder};
use millstream_connectors::{Json, SinkError};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::columns::Columns;

/// How the table wants its files to be compressed.
const CODEC: &str = "write.parquet.compression-codec";
const CREATED_BY: &str = "millstream";

/// Files that are put and in no snapshot yet.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// How the table was partitioned when they were written.
    pub(crate) partition_spec_id: i32,
    pub(crate) files: Vec<DataFile>,
}

/// Puts the rows into files of the table, whose names begin so, on a thread that may take its time. If this is dropped, or
/// fails, files may stay behind that no snapshot knows.
///
/// No name comes twice: whoever makes the cut again writes files of its own. One that it found would be somebody's to clean
/// up.
pub(crate) async fn put(
    table: Table,
    columns: Arc<Columns>,
    rows: Vec<Json>,
    name: String,
) -> Result<Files, SinkError> {
    let handle = Handle::current();
    let putting = tokio::task::spawn_blocking(move || {
        let batch = columns.rows(&rows)?;
        let put = handle.block_on(put_batch(&table, &columns, batch, name));
        put.map_err(|error| SinkError::of("the files of a cut", &error))
    });
    putting
        .await
        .map_err(|error| SinkError::of("the files of a cut", &error))?
}

async fn put_batch(
    table: &Table,
    columns: &Columns,
    batch: arrow_array::RecordBatch,
    name: String,
) -> iceberg::Result<Files> {
    let metadata = table.metadata();
    let spec = metadata.default_partition_spec();
    let schema = Arc::clone(&columns.schema);
    let parts = if spec.is_unpartitioned() {
        let all = PartitionKey::new((**spec).clone(), Arc::clone(&schema), Struct::empty());
        vec![(all, batch)]
    } else {
        let splitter = RecordBatchPartitionSplitter::try_new_with_computed_values(
            Arc::clone(&schema),
            Arc::clone(spec),
        )?;
        splitter.split(&batch)?
    };
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(codec(metadata.properties().get(CODEC).map(String::as_str)))
        .build();
    let name = format!("{name}-{}", Uuid::new_v4().simple());
    let builder = DataFileWriterBuilder::new(RollingFileWriterBuilder::new(
        ParquetWriterBuilder::new(properties, schema),
        // How large a cut is decides the pipeline.
        usize::MAX,
        table.file_io().clone(),
        DefaultLocationGenerator::new(metadata)?,
        DefaultFileNameGenerator::new(name, None, DataFileFormat::Parquet),
    ));
    let mut files = Vec::new();
    for (partition, rows) in parts {
        let mut writer = builder.build(Some(partition)).await?;
        writer.write(rows).await?;
        files.extend(writer.close().await?);
    }
    Ok(Files {
        partition_spec_id: spec.spec_id(),
        files,
    })
}

/// What the table's property says; Zstandard without one, as Iceberg has it.
fn codec(property: Option<&str>) -> Compression {
    match property.map(str::to_ascii_lowercase).as_deref() {
        Some("uncompressed" | "none") => Compression::UNCOMPRESSED,
        Some("snappy") => Compression::SNAPPY,
        Some("gzip") => Compression::GZIP(GzipLevel::default()),
        _ => Compression::ZSTD(ZstdLevel::default()),
    }
}
