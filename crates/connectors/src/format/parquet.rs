//! Columns as a Parquet file, and back, to see whether a file holds them.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::cells::Cells;
use super::columns::{Column, Columns};
use super::kind::Kind;

/// Who wrote a file. Without a version, so that releases write the same bytes as long as they can.
const CREATED_BY: &str = "millstream";
/// What the schema as a whole is called; nobody reads it.
const ROOT: &str = "record";

/// The columns as one file with one group of rows, its pages compressed with Snappy or not. The same bytes for the same
/// columns, by one release.
///
/// # Errors
/// If a name is none for a column.
pub(super) fn write(columns: &Columns, is_compressed: bool) -> Result<Vec<u8>, ParquetError> {
    let compression = match is_compressed {
        true => Compression::SNAPPY,
        false => Compression::UNCOMPRESSED,
    };
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(compression)
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema(columns)?, Arc::new(properties))?;
    let mut rows = file.next_row_group()?;
    for column in &columns.columns {
        let Some(writer) = rows.next_column()? else {
            break;
        };
        write_column(column, columns.rows, writer)?;
    }
    rows.close()?;
    file.into_inner()
}

/// Whether the file holds these rows, however it was written.
pub(super) fn holds(file: &[u8], columns: &Columns) -> bool {
    is_same(file, columns).unwrap_or(false)
}

fn schema(columns: &Columns) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let field = Type::primitive_type_builder(&column.name, physical(column))
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical(column))
            .build();
        field.map(Arc::new)
    };
    let fields: Vec<TypePtr> = columns
        .columns
        .iter()
        .map(field)
        .collect::<Result<_, _>>()?;
    let root = Type::group_type_builder(ROOT).with_fields(fields).build();
    root.map(Arc::new)
}

fn physical(column: &Column) -> Physical {
    match column.cells {
        Cells::Booleans(_) => Physical::BOOLEAN,
        Cells::Longs(_) => Physical::INT64,
        Cells::Doubles(_) => Physical::DOUBLE,
        Cells::Nothing | Cells::Texts(_) => Physical::BYTE_ARRAY,
    }
}

fn logical(column: &Column) -> Option<LogicalType> {
    match (column.kind, &column.cells) {
        (Some(Kind::Timestamp), _) => Some(LogicalType::Timestamp {
            is_adjusted_to_u_t_c: true,
            unit: TimeUnit::MILLIS,
        }),
        (Some(Kind::Json), _) => Some(LogicalType::Json),
        (_, Cells::Nothing | Cells::Texts(_)) => Some(LogicalType::String),
        (_, Cells::Booleans(_) | Cells::Longs(_) | Cells::Doubles(_)) => None,
    }
}

fn write_column(
    column: &Column,
    rows: usize,
    mut writer: SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    let present = column.presence.levels(rows);
    match &column.cells {
        Cells::Nothing => put::<ByteArrayType>(&mut writer, &[], &present),
        Cells::Booleans(cells) => put::<BoolType>(&mut writer, cells, &present),
        Cells::Longs(cells) => put::<Int64Type>(&mut writer, cells, &present),
        Cells::Doubles(cells) => put::<DoubleType>(&mut writer, cells, &present),
        Cells::Texts(texts) => {
            let all = Bytes::copy_from_slice(&texts.bytes);
            let starts = std::iter::once(&0).chain(&texts.ends);
            let cells: Vec<ByteArray> = starts
                .zip(&texts.ends)
                .map(|(start, end)| ByteArray::from(all.slice(*start..*end)))
                .collect();
            put::<ByteArrayType>(&mut writer, &cells, &present)
        }
    }?;
    writer.close()
}

fn put<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    cells: &[T::T],
    present: &[i16],
) -> Result<(), ParquetError> {
    let writer = writer.typed::<T>();
    writer.write_batch(cells, Some(present), None).map(drop)
}

fn is_same(file: &[u8], columns: &Columns) -> Result<bool, ParquetError> {
    let file = SerializedFileReader::new(Bytes::copy_from_slice(file))?;
    let described = file.metadata().file_metadata();
    let is_described = described.schema().get_fields() == schema(columns)?.get_fields()
        && usize::try_from(described.num_rows()) == Ok(columns.rows);
    if !is_described {
        return Ok(false);
    }
    for (place, column) in columns.columns.iter().enumerate() {
        let present = column.presence.levels(columns.rows);
        let is_same = match &column.cells {
            Cells::Nothing => read::<ByteArrayType>(&file, place)?.0 == present,
            Cells::Booleans(cells) => read::<BoolType>(&file, place)? == (present, cells.clone()),
            Cells::Longs(cells) => read::<Int64Type>(&file, place)? == (present, cells.clone()),
            Cells::Doubles(cells) => read::<DoubleType>(&file, place)? == (present, cells.clone()),
            Cells::Texts(texts) => {
                let (there, cells) = read::<ByteArrayType>(&file, place)?;
                there == present && cells.iter().map(ByteArray::data).eq(texts.iter())
            }
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Of a column: for each row whether its cell is there, and the cells.
fn read<T: DataType>(
    file: &SerializedFileReader<Bytes>,
    place: usize,
) -> Result<(Vec<i16>, Vec<T::T>), ParquetError> {
    let (mut present, mut cells) = (Vec::new(), Vec::new());
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        let mut column = get_typed_column_reader::<T>(group.get_column_reader(place)?);
        while column
            .read_records(usize::MAX, Some(&mut present), None, &mut cells)?
            .0
            > 0
        {}
    }
    Ok((present, cells))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn columns(rows: &[Value], schema: Option<&super::super::Schema>) -> Columns {
        let mut columns = Columns::new(schema);
        for row in rows {
            columns.append(row).unwrap();
        }
        columns
    }

    #[test]
    fn a_file_holds_what_it_was_written_of_and_nothing_else() {
        let rows: Vec<Value> = (0..3000)
            .map(|n| match n % 3 {
                0 => json!({"n": n, "half": 0.5, "is": true, "text": format!("é{n}")}),
                1 => json!({"n": n, "none": null}),
                _ => json!({"n": n, "half": n, "text": {"a": [n]}}),
            })
            .collect();
        let all = columns(&rows, None);
        for is_compressed in [false, true] {
            let file = write(&all, is_compressed).unwrap();
            assert_eq!(file, write(&all, is_compressed).unwrap());
            assert!(holds(&file, &all));
            assert!(!holds(&file, &columns(&rows[1..], None)));
            let mut other = rows.clone();
            other[1500]["text"] = json!("other");
            assert!(!holds(&file, &columns(&other, None)));
            assert!(!holds(&file[..file.len() / 2], &all));
        }
    }

    #[test]
    fn a_given_schema_is_the_files() {
        let schema = vec![
            ("at".to_owned(), Kind::Timestamp),
            ("all".to_owned(), Kind::Json),
            ("never".to_owned(), Kind::Boolean),
        ];
        let given = columns(&[json!({"at": 1, "all": [1]}), json!({})], Some(&schema));
        let file = write(&given, true).unwrap();
        assert!(holds(&file, &given));
        let read = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let described = read.metadata().file_metadata();
        let names: Vec<_> = described
            .schema()
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect();
        assert_eq!(names, ["at", "all", "never"]);
        assert_eq!(described.created_by(), Some(CREATED_BY));
    }
}
