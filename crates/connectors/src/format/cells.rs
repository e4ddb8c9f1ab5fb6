//! The cells of one column, as wide as what comes.

use std::borrow::Cow;

use serde_json::Value;

/// Integers up to this one are themselves as floats.
pub(super) const EXACT_MAX: u64 = 1 << 53;

/// The cells that are there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cells {
    Nothing,
    Booleans(Vec<bool>),
    Longs(Vec<i64>),
    Doubles(Vec<f64>),
    Texts(Texts),
}

/// Texts one behind the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Texts {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

/// What one row has in a column.
#[derive(Debug, Clone)]
pub(super) enum Cell<'v> {
    Boolean(bool),
    Long(i64),
    Double(f64),
    Text(Cow<'v, str>),
}

/// Which rows have a cell: where each run of them begins, and the row behind it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Presence(Vec<(usize, usize)>);

impl Presence {
    /// This row has one, and those since the last one have none; bytes that came on top.
    pub(super) fn push(&mut self, row: usize) -> usize {
        match self.0.last_mut() {
            Some((_, behind)) if *behind == row => {
                *behind += 1;
                0
            }
            _ => {
                self.0.push((row, row + 1));
                size_of::<(usize, usize)>()
            }
        }
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.0.len()
    }

    /// Of each of so many rows: 1 if it has a cell, and 0.
    pub(super) fn levels(&self, rows: usize) -> Vec<i16> {
        let mut levels = vec![0; rows];
        for (from, behind) in &self.0 {
            levels[*from..*behind].fill(1);
        }
        levels
    }
}

impl<'v> Cell<'v> {
    /// The value in the narrowest kind that holds it; none for null.
    pub(super) fn of(value: &'v Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(truth) => Self::Boolean(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(long), _) => Self::Long(long),
                (None, Some(double)) if !number.is_u64() => Self::Double(double),
                _ => Self::Text(number.to_string().into()),
            },
            other => Self::Text(text_of(other)),
        })
    }

    fn text(self) -> Cow<'v, str> {
        match self {
            Self::Boolean(truth) => Value::from(truth).to_string().into(),
            Self::Long(long) => long.to_string().into(),
            Self::Double(double) => Value::from(double).to_string().into(),
            Self::Text(text) => text,
        }
    }
}

pub(super) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

impl Cells {
    /// Appends a cell, widened to what holds it if need be; bytes that came on top.
    pub(super) fn push(&mut self, cell: Cell<'_>) -> usize {
        match (&mut *self, cell) {
            (Self::Booleans(cells), Cell::Boolean(truth)) => {
                cells.push(truth);
                size_of::<bool>()
            }
            (Self::Longs(cells), Cell::Long(long)) => {
                cells.push(long);
                size_of::<i64>()
            }
            (Self::Doubles(cells), Cell::Double(double)) => {
                cells.push(double);
                size_of::<f64>()
            }
            (Self::Doubles(cells), Cell::Long(long)) if is_exact(long) => {
                cells.push(long as f64);
                size_of::<f64>()
            }
            (Self::Texts(cells), cell) => {
                let text = cell.text();
                cells.push(&text);
                text.len() + size_of::<usize>()
            }
            (_, cell) => {
                let before = self.bytes();
                self.widen(&cell);
                let more = self.bytes().saturating_sub(before);
                more + self.push(cell)
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Booleans(cells) => size_of_val(&cells[..]),
            Self::Longs(cells) => size_of_val(&cells[..]),
            Self::Doubles(cells) => size_of_val(&cells[..]),
            Self::Texts(texts) => texts.bytes.len() + size_of_val(&texts.ends[..]),
        }
    }

    /// To what holds both the cells and this one.
    fn widen(&mut self, cell: &Cell<'_>) {
        let texts = |texts: &mut dyn Iterator<Item = Cell<'static>>| {
            let mut all = Texts::default();
            texts.for_each(|cell| all.push(&cell.text()));
            Self::Texts(all)
        };
        *self = match (&*self, cell) {
            (Self::Nothing, Cell::Boolean(_)) => Self::Booleans(Vec::new()),
            (Self::Nothing, Cell::Long(_)) => Self::Longs(Vec::new()),
            (Self::Nothing, Cell::Double(_)) => Self::Doubles(Vec::new()),
            (Self::Nothing, Cell::Text(_)) => Self::Texts(Texts::default()),
            (Self::Longs(cells), Cell::Double(_)) if cells.iter().all(|long| is_exact(*long)) => {
                Self::Doubles(cells.iter().map(|long| *long as f64).collect())
            }
            (Self::Booleans(cells), _) => texts(&mut cells.iter().copied().map(Cell::Boolean)),
            (Self::Longs(cells), _) => texts(&mut cells.iter().copied().map(Cell::Long)),
            (Self::Doubles(cells), _) => texts(&mut cells.iter().copied().map(Cell::Double)),
            (Self::Texts(_), _) => return,
        };
    }
}

fn is_exact(long: i64) -> bool {
    long.unsigned_abs() <= EXACT_MAX
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[*start..*end])
    }
}
