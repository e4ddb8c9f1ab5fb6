//! Rows taken apart into columns: of a schema that is given, or one that is inferred and widened as rows come.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::NotWritten;
use super::cells::{Cell, Cells, Presence, Texts};
use super::kind::{Kind, Schema};

/// Most columns that are inferred.
const COLUMNS_MAX: usize = 1000;
/// What a row takes while a column is written: whether its cell is there.
const ROW_BYTES: usize = 2;
/// Columns for which a row takes a byte more: so many bits say which of them it has, and are written.
const COLUMNS_A_BYTE: usize = 8;
/// What a column takes without its cells and its name, which is there twice.
const COLUMN_BYTES: usize = 256;

/// Some rows of one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    pub(super) rows: usize,
    pub(super) columns: Vec<Column>,
    is_given: bool,
    /// Where an inferred column is.
    places: HashMap<String, usize>,
}

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// What the schema says.
    pub(super) kind: Option<Kind>,
    pub(super) presence: Presence,
    pub(super) cells: Cells,
}

impl Columns {
    pub(crate) fn new(schema: Option<&Schema>) -> Self {
        let column = |(name, kind): &(String, Kind)| Column::new(name, Some(*kind));
        Self {
            columns: schema.map_or_else(Vec::new, |schema| schema.iter().map(column).collect()),
            is_given: schema.is_some(),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends a row; about how many bytes it takes.
    pub(crate) fn append(&mut self, row: &Value) -> Result<usize, NotWritten> {
        let members = row.as_object().ok_or(NotWritten::NoObject)?;
        let bytes = match self.is_given {
            true => self.append_as_given(members)?,
            false => self.append_as_found(members)?,
        };
        self.rows += 1;
        Ok(bytes + ROW_BYTES + self.columns.len() / COLUMNS_A_BYTE)
    }

    fn append_as_given(&mut self, members: &Map<String, Value>) -> Result<usize, NotWritten> {
        let cell = |column: &Column| match (members.get(&column.name), column.kind) {
            (None | Some(Value::Null), _) | (_, None) => Ok(None),
            (Some(value), Some(kind)) => {
                let cell = kind.cell(value);
                cell.map(Some).ok_or_else(|| NotWritten::Kind {
                    column: column.name.clone(),
                    kind,
                })
            }
        };
        let cells: Vec<Option<Cell<'_>>> =
            self.columns.iter().map(cell).collect::<Result<_, _>>()?;
        let filled = self.columns.iter_mut().zip(cells);
        Ok(filled
            .filter_map(|(column, cell)| Some(column.push(self.rows, cell?)))
            .sum())
    }

    fn append_as_found(&mut self, members: &Map<String, Value>) -> Result<usize, NotWritten> {
        if members.is_empty() {
            return Err(NotWritten::NoMembers);
        }
        let is_new = |name: &&String| !self.places.contains_key(*name);
        if self.columns.len() + members.len() > COLUMNS_MAX
            && self.columns.len() + members.keys().filter(is_new).count() > COLUMNS_MAX
        {
            return Err(NotWritten::Columns(COLUMNS_MAX));
        }
        let mut bytes = 0;
        for (expected, (name, value)) in members.iter().enumerate() {
            let (place, more) = self.place_of(expected, name);
            bytes += more;
            if let Some(cell) = Cell::of(value) {
                bytes += self.columns[place].push(self.rows, cell);
            }
        }
        Ok(bytes)
    }

    /// The column of this name, made if there is none, and the bytes that it came to then. Most rows have their members in
    /// one order.
    fn place_of(&mut self, expected: usize, name: &str) -> (usize, usize) {
        let has_name = |column: &Column| column.name == name;
        if self.columns.get(expected).is_some_and(has_name) {
            return (expected, 0);
        }
        if let Some(place) = self.places.get(name) {
            return (*place, 0);
        }
        self.columns.push(Column::new(name, None));
        let place = self.columns.len() - 1;
        self.places.insert(name.to_owned(), place);
        (place, COLUMN_BYTES + 2 * name.len())
    }
}

impl Column {
    fn new(name: &str, kind: Option<Kind>) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            presence: Presence::default(),
            cells: match kind {
                None => Cells::Nothing,
                Some(Kind::Boolean) => Cells::Booleans(Vec::new()),
                Some(Kind::Long | Kind::Timestamp) => Cells::Longs(Vec::new()),
                Some(Kind::Double) => Cells::Doubles(Vec::new()),
                Some(Kind::String | Kind::Json) => Cells::Texts(Texts::default()),
            },
        }
    }

    /// The cell of this row, which is behind all others; about how many bytes came on top.
    fn push(&mut self, row: usize, cell: Cell<'_>) -> usize {
        self.presence.push(row) + self.cells.push(cell)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(rows: &[Value]) -> Columns {
        let mut columns = Columns::new(None);
        for row in rows {
            columns.append(row).unwrap();
        }
        columns
    }

    fn texts(all: &[&str]) -> Cells {
        let mut texts = Texts::default();
        all.iter().for_each(|text| texts.push(text));
        Cells::Texts(texts)
    }

    #[test]
    fn a_column_is_as_wide_as_what_comes() {
        let big = (1_i64 << 53) + 1;
        for (values, expected) in [
            (json!([null, null]), Cells::Nothing),
            (json!([null, true]), Cells::Booleans(vec![true])),
            (json!([1, null, -2]), Cells::Longs(vec![1, -2])),
            (json!([1, 2.5, 3]), Cells::Doubles(vec![1.0, 2.5, 3.0])),
            (json!([big, 0.5]), texts(&["9007199254740993", "0.5"])),
            (json!([0.5, big]), texts(&["0.5", "9007199254740993"])),
            (json!([1, u64::MAX]), texts(&["1", "18446744073709551615"])),
            (
                json!([true, "x", [1], {"a": 2}]),
                texts(&["true", "x", "[1]", r#"{"a":2}"#]),
            ),
        ] {
            let rows: Vec<Value> = values
                .as_array()
                .unwrap()
                .iter()
                .map(|value| json!({ "c": value }))
                .collect();
            let columns = found(&rows);
            assert_eq!(columns.columns[0].cells, expected, "{values}");
            assert_eq!(columns.rows, rows.len());
        }
    }

    #[test]
    fn rows_of_other_members_leave_their_cells_out() {
        let columns = found(&[
            json!({"a": 1, "b": "x"}),
            json!({"b": "y", "c": 2}),
            json!({"c": null, "a": 3}),
        ]);
        let shown: Vec<(&str, Vec<i16>)> = columns
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.presence.levels(3)))
            .collect();
        let expected = [("a", [1, 0, 1]), ("b", [1, 1, 0]), ("c", [0, 1, 0])];
        assert_eq!(
            shown,
            expected.map(|(name, levels)| (name, levels.to_vec()))
        );
    }

    #[test]
    fn a_given_schema_takes_what_fits_and_nothing_of_a_row_that_does_not() {
        let schema = vec![
            ("n".to_owned(), Kind::Long),
            ("at".to_owned(), Kind::Timestamp),
            ("all".to_owned(), Kind::Json),
        ];
        let mut columns = Columns::new(Some(&schema));
        columns
            .append(&json!({"n": 5.0, "at": "1970-01-01T00:00:01Z", "all": "x", "more": 1}))
            .unwrap();
        for (row, why) in [
            (json!({"n": "5"}), "n is no long"),
            (json!({"n": 1.5}), "n is no long"),
            (json!({"n": u64::MAX}), "n is no long"),
            (json!({"n": 1, "at": "noon"}), "at is no timestamp"),
            (json!([1]), "only an object has fields"),
        ] {
            let error = columns.append(&row).unwrap_err().to_string();
            assert!(error.contains(why), "{row}: {error}");
        }
        columns.append(&json!({})).unwrap();
        assert_eq!(columns.rows, 2);
        assert_eq!(columns.columns[0].cells, Cells::Longs(vec![5]));
        assert_eq!(columns.columns[1].cells, Cells::Longs(vec![1000]));
        assert_eq!(columns.columns[2].cells, texts(&["\"x\""]));
    }

    /// A row late in a file with a thousand columns of its own took two bytes of each row before it for each of them.
    #[test]
    fn a_late_row_with_many_new_columns_takes_no_more_than_it_says() {
        let mut columns = Columns::new(None);
        for _ in 0..100_000 {
            columns.append(&json!({"n": 1})).unwrap();
        }
        let wide: Map<String, Value> = (1..COLUMNS_MAX)
            .map(|number| (number.to_string(), json!(1)))
            .collect();
        let bytes = columns.append(&Value::Object(wide)).unwrap();
        let runs = |column: &Column| column.presence.runs();
        assert!(columns.columns.iter().all(|column| runs(column) == 1));
        assert!(
            (COLUMNS_MAX * 256..COLUMNS_MAX * 512).contains(&bytes),
            "{bytes}"
        );
    }

    #[test]
    fn columns_without_end_are_refused() {
        let mut columns = Columns::new(None);
        for number in 0..COLUMNS_MAX {
            columns.append(&json!({ number.to_string(): 1 })).unwrap();
        }
        assert_eq!(
            columns.append(&json!({"one more": 1})),
            Err(NotWritten::Columns(COLUMNS_MAX))
        );
        assert!(columns.append(&json!({"7": 1})).is_ok());
        assert_eq!(columns.append(&json!({})), Err(NotWritten::NoMembers));
    }
}
