//! The columns of a table: declared ones as a schema of Iceberg, and rows as arrays.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, PrimitiveArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{DataType, Field};
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::spec::{NestedField, SchemaRef, Type};
use millstream_connectors::format::Schema;
use millstream_connectors::{Json, SinkError};
use serde_json::Value;

use crate::cell::{self, CellKind};

/// What the rows of a table are made of.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) schema: SchemaRef,
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    /// None if it is not among those that are declared: it is null, and a member of that name is left out.
    kind: Option<CellKind>,
    type_name: String,
    is_required: bool,
}

/// A schema of declared columns, for a table that is to be made. Every column may be null.
pub(crate) fn declared(schema: &Schema) -> Result<iceberg::spec::Schema, SinkError> {
    let fields = schema.iter().zip(1..).map(|((name, kind), id)| {
        let field = NestedField::optional(id, name, Type::Primitive(cell::type_of(*kind)));
        Arc::new(field)
    });
    iceberg::spec::Schema::builder()
        .with_fields(fields)
        .build()
        .map_err(|error| SinkError::of("the schema", &error))
}

impl Columns {
    /// Those of a table, which must have all that are declared, with their types.
    pub(crate) fn of(schema: SchemaRef, declared: Option<&Schema>) -> Result<Self, SinkError> {
        for (name, kind) in declared.into_iter().flatten() {
            let wanted = cell::type_of(*kind);
            let found = schema.as_struct().field_by_name(name);
            let found = found.map(|field| &*field.field_type);
            if found != Some(&Type::Primitive(wanted.clone())) {
                let found = found.map_or("has no such column".to_owned(), |found| {
                    format!("has {found}")
                });
                return Err(SinkError::new(format!(
                    "column {name} is declared {kind}, which is {wanted} in Iceberg, and the table {found}"
                )));
            }
        }
        let fields = schema.as_struct().fields().iter();
        let columns = fields.map(|field| Column::of(field, declared));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Self { schema, columns })
    }

    /// Why the value can be no row, if so.
    pub(crate) fn refusal(&self, value: &Value) -> Option<String> {
        let Some(members) = value.as_object() else {
            return Some("only an object has columns".to_owned());
        };
        let mut columns = self.columns.iter();
        columns.find_map(|column| column.refusal(members.get(&column.name)))
    }

    /// Rows that were not refused, as arrays.
    pub(crate) fn rows(&self, rows: &[Json]) -> Result<RecordBatch, SinkError> {
        let schema = schema_to_arrow_schema(&self.schema)
            .map_err(|error| SinkError::of("the table's schema", &error))?;
        let fields = schema.fields().iter().zip(&self.columns);
        let arrays = fields
            .map(|(field, column)| column.array(field, rows))
            .collect();
        RecordBatch::try_new(Arc::new(schema), arrays)
            .map_err(|error| SinkError::of("the rows", &error))
    }
}

impl Column {
    fn of(field: &NestedField, declared: Option<&Schema>) -> Result<Self, SinkError> {
        let kind = declared.map(|schema| {
            let mut named = schema.iter().filter(|(name, _)| *name == field.name);
            named.next().map(|(_, kind)| *kind)
        });
        if field.required && kind == Some(None) {
            return Err(SinkError::new(format!(
                "column {} of the table is required, and is not declared",
                field.name
            )));
        }
        Ok(Self {
            name: field.name.clone(),
            kind: match kind {
                None => Some(CellKind::of(&field.field_type, None)),
                Some(declared) => declared.map(|kind| CellKind::of(&field.field_type, Some(kind))),
            },
            type_name: field.field_type.to_string(),
            is_required: field.required,
        })
    }

    /// Why this can be no cell of it, if so.
    fn refusal(&self, member: Option<&Value>) -> Option<String> {
        let (name, type_name) = (&self.name, &self.type_name);
        match (self.kind?, member) {
            (_, None | Some(Value::Null)) => self
                .is_required
                .then(|| format!("column {name} of the table is required, and is missing")),
            (CellKind::Nothing, Some(_)) => Some(format!(
                "column {name} of the table is {type_name}, which is not written here"
            )),
            (kind, Some(value)) => {
                (!kind.takes(value)).then(|| format!("{name} is no {type_name}"))
            }
        }
    }

    fn array(&self, field: &Field, rows: &[Json]) -> ArrayRef {
        let cells = rows
            .iter()
            .map(|row| row.get(&self.name).filter(|value| !value.is_null()));
        match self.kind.unwrap_or(CellKind::Nothing) {
            CellKind::Boolean => {
                let cells = cells.map(|cell| cell?.as_bool());
                Arc::new(cells.collect::<BooleanArray>())
            }
            CellKind::Int => {
                let cells = cells.map(|cell| cell::int(cell?));
                Arc::new(cells.collect::<PrimitiveArray<Int32Type>>())
            }
            CellKind::Long => {
                let cells = cells.map(|cell| cell::long(cell?));
                Arc::new(cells.collect::<PrimitiveArray<Int64Type>>())
            }
            CellKind::Float => {
                let cells = cells.map(|cell| cell::float(cell?));
                Arc::new(cells.collect::<PrimitiveArray<Float32Type>>())
            }
            CellKind::Double => {
                let cells = cells.map(|cell| cell?.as_f64());
                Arc::new(cells.collect::<PrimitiveArray<Float64Type>>())
            }
            CellKind::Text => {
                let cells = cells.map(|cell| cell.map(cell::text));
                Arc::new(cells.collect::<StringArray>())
            }
            CellKind::Json => {
                let cells = cells.map(|cell| cell.map(Value::to_string));
                Arc::new(cells.collect::<StringArray>())
            }
            CellKind::Date => {
                let cells = cells.map(|cell| cell::date(cell?));
                Arc::new(cells.collect::<Date32Array>())
            }
            CellKind::Timestamp => {
                let cells = cells.map(|cell| cell::micros(cell?));
                let array = cells.collect::<TimestampMicrosecondArray>();
                let zone = match field.data_type() {
                    DataType::Timestamp(_, zone) => zone.clone(),
                    _ => None,
                };
                Arc::new(array.with_timezone_opt(zone))
            }
            CellKind::Nothing => new_null_array(field.data_type(), rows.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use iceberg::spec::{ListType, PrimitiveType};
    use millstream_connectors::format::Kind;
    use serde_json::json;

    use super::*;

    fn table(fields: Vec<NestedField>) -> SchemaRef {
        let fields = fields.into_iter().map(Arc::new);
        let schema = iceberg::spec::Schema::builder().with_fields(fields).build();
        Arc::new(schema.unwrap())
    }

    fn primitive(id: i32, name: &str, of: PrimitiveType, is_required: bool) -> NestedField {
        NestedField::new(id, name, Type::Primitive(of), is_required)
    }

    #[test]
    fn a_table_is_made_of_what_is_declared() {
        let all = [
            ("is", Kind::Boolean, "boolean"),
            ("n", Kind::Long, "long"),
            ("half", Kind::Double, "double"),
            ("text", Kind::String, "string"),
            ("all", Kind::Json, "string"),
            ("at", Kind::Timestamp, "timestamptz"),
        ];
        let schema: Schema = all
            .iter()
            .map(|(name, kind, _)| ((*name).to_owned(), *kind))
            .collect();
        let made = declared(&schema).unwrap();
        let found: Vec<(String, String)> = made
            .as_struct()
            .fields()
            .iter()
            .map(|field| (field.name.clone(), field.field_type.to_string()))
            .collect();
        let wanted = all.map(|(name, _, made)| (name.to_owned(), made.to_owned()));
        assert_eq!(found, wanted);
        let columns = Columns::of(Arc::new(made), Some(&schema)).unwrap();
        let row =
            json!({"is": true, "n": 7.0, "half": 1, "text": [1], "all": "x", "at": 1, "more": 0});
        assert_eq!(columns.refusal(&row), None);
        let batch = columns
            .rows(&[Json::from(row), Json::from(json!({}))])
            .unwrap();
        assert_eq!(batch.num_rows(), 2);
        let text = |place: usize| batch.column(place).as_string::<i32>().value(0).to_owned();
        assert_eq!((text(3), text(4)), ("[1]".to_owned(), "\"x\"".to_owned()));
        assert_eq!(batch.column(1).as_primitive::<Int64Type>().value(0), 7);
        assert!(batch.columns().iter().all(|column| column.is_null(1)));
    }

    #[test]
    fn a_table_that_is_there_says_what_is_taken() {
        let list = ListType::new(Arc::new(NestedField::list_element(
            9,
            Type::Primitive(PrimitiveType::Int),
            false,
        )));
        let schema = table(vec![
            primitive(1, "n", PrimitiveType::Int, true),
            primitive(2, "day", PrimitiveType::Date, false),
            NestedField::optional(3, "tags", Type::List(list)),
        ]);
        let columns = Columns::of(schema, None).unwrap();
        assert_eq!(
            columns.refusal(&json!({"n": 1, "tags": null, "more": 2})),
            None
        );
        for (row, why) in [
            (json!([1]), "only an object has columns"),
            (json!({"day": "2026-11-29"}), "n of the table is required"),
            (json!({"n": "1"}), "n is no int"),
            (json!({"n": 1, "day": "noon"}), "day is no date"),
            (json!({"n": 1, "tags": [1]}), "which is not written here"),
        ] {
            let refusal = columns.refusal(&row).unwrap();
            assert!(refusal.contains(why), "{row}: {refusal}");
        }
        let rows = [json!({"n": 1, "day": "2026-11-29"}), json!({"n": 2})];
        let batch = columns.rows(&rows.map(Json::from)).unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
        assert_eq!(batch.column(2).null_count(), 2);
    }

    #[test]
    fn what_is_declared_must_be_what_is_there() {
        let schema = table(vec![
            primitive(1, "n", PrimitiveType::Long, false),
            primitive(2, "other", PrimitiveType::Long, false),
        ]);
        let says = |declared: &[(&str, Kind)]| {
            let declared = declared
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), *kind))
                .collect();
            Columns::of(Arc::clone(&schema), Some(&declared))
        };
        let columns = says(&[("n", Kind::Long)]).unwrap();
        let batch = columns
            .rows(&[Json::from(json!({"n": 1, "other": 2}))])
            .unwrap();
        assert_eq!(columns.refusal(&json!({"other": "not written"})), None);
        assert_eq!(
            batch.column(1).null_count(),
            1,
            "only what is declared is written"
        );
        let wrong = says(&[("n", Kind::String)]).unwrap_err().to_string();
        assert!(wrong.contains("declared string"), "{wrong}");
        let wrong = says(&[("m", Kind::Long)]).unwrap_err().to_string();
        assert!(wrong.contains("has no such column"), "{wrong}");
    }
}
