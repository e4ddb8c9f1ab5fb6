//! What is said to Redshift.

use super::{InvalidLoad, Load};
use crate::format::{Compression, Lines};

/// The statements of one table. Names of manifests are plain text, as the load's prefix is.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    /// Makes the table of what was loaded. No key in it is unique: Redshift would not keep it so.
    pub(super) make_loads: String,
    /// Lets one transaction at a time behind it. The first statement: what is looked at then is as the one before has
    /// left it.
    pub(super) lock: String,
    loads: String,
    copy: (String, String),
}

impl Statements {
    pub(super) fn of(load: &Load) -> Result<Self, InvalidLoad> {
        let table = name_of(&load.table).ok_or_else(|| InvalidLoad::Table(load.table.clone()))?;
        let loads = match &load.loads {
            Some(loads) => loads.clone(),
            None => format!("{}_millstream_loads", load.table),
        };
        let loads = name_of(&loads).ok_or(InvalidLoad::Table(loads))?;
        let (columns, format) = match &load.format {
            Lines::Json => (String::new(), "FORMAT AS JSON 'auto'"),
            Lines::Csv { columns } => {
                let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
                (format!(" ({})", columns.join(", ")), "FORMAT AS CSV")
            }
            Lines::Raw => return Err(InvalidLoad::Format),
        };
        let compression = match load.compression {
            Compression::None => "",
            Compression::Gzip => " GZIP",
            Compression::Zstd => " ZSTD",
        };
        let role = match load.iam_role.as_str() {
            "default" => "default".to_owned(),
            arn => literal(arn),
        };
        let region = literal(&load.region);
        Ok(Self {
            make_loads: format!(
                "CREATE TABLE IF NOT EXISTS {loads} \
                 (manifest VARCHAR(1024) NOT NULL, loaded_at TIMESTAMP NOT NULL)"
            ),
            lock: format!("LOCK TABLE {loads}"),
            loads,
            copy: (
                format!("COPY {table}{columns} FROM "),
                format!(
                    " IAM_ROLE {role} {format}{compression} TIMEFORMAT 'auto' REGION {region} MANIFEST"
                ),
            ),
        })
    }

    /// A row if the manifest was loaded.
    pub(super) fn is_loaded(&self, manifest: &str) -> String {
        let (loads, manifest) = (&self.loads, literal(manifest));
        format!("SELECT 1 FROM {loads} WHERE manifest = {manifest} LIMIT 1")
    }

    /// Fails if the manifest was loaded, and so does the transaction that it is in: for whoever cannot look first.
    pub(super) fn fails_if_loaded(&self, manifest: &str) -> String {
        let (loads, manifest) = (&self.loads, literal(manifest));
        format!(
            "SELECT 1 / (CASE COUNT(*) WHEN 0 THEN 1 ELSE 0 END) FROM {loads} WHERE manifest = {manifest}"
        )
    }

    /// Loads what the manifest names.
    pub(super) fn copy(&self, manifest: &str) -> String {
        let (before, behind) = &self.copy;
        format!("{before}{}{behind}", literal(manifest))
    }

    /// Notes that it was.
    pub(super) fn note(&self, manifest: &str) -> String {
        let (loads, manifest) = (&self.loads, literal(manifest));
        format!("INSERT INTO {loads} (manifest, loaded_at) VALUES ({manifest}, GETDATE())")
    }
}

/// `table` or `schema.table`, as names whatever is in them.
fn name_of(table: &str) -> Option<String> {
    let parts: Vec<&str> = table.split('.').collect();
    let is_name = |part: &&str| !part.is_empty() && !part.contains('\0');
    if parts.len() > 2 || !parts.iter().all(is_name) {
        return None;
    }
    let parts: Vec<String> = parts.into_iter().map(quoted).collect();
    Some(parts.join("."))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in a statement; a backslash escapes in Redshift's.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load {
            table: "sales.\"Trades".into(),
            loads: None,
            iam_role: "arn:aws:iam::123456789012:role/load".into(),
            bucket: "results".into(),
            region: "eu-west-1".into(),
            prefix: "staging".into(),
            format: Lines::Json,
            compression: Compression::Gzip,
        }
    }

    #[test]
    fn a_load_is_one_copy_with_a_role_and_a_manifest() {
        let statements = Statements::of(&load()).unwrap();
        assert_eq!(
            statements.copy("s3://results/staging/s-1.jsonl.gz.manifest"),
            "COPY \"sales\".\"\"\"Trades\" FROM 's3://results/staging/s-1.jsonl.gz.manifest' \
             IAM_ROLE 'arn:aws:iam::123456789012:role/load' FORMAT AS JSON 'auto' GZIP TIMEFORMAT 'auto' \
             REGION 'eu-west-1' MANIFEST"
        );
        assert_eq!(
            statements.lock,
            "LOCK TABLE \"sales\".\"\"\"Trades_millstream_loads\""
        );
        let csv = Load {
            format: Lines::Csv {
                columns: vec!["a".into(), "b c".into()],
            },
            compression: Compression::None,
            iam_role: "default".into(),
            table: "t".into(),
            ..load()
        };
        assert_eq!(
            Statements::of(&csv).unwrap().copy("s3://b/m"),
            "COPY \"t\" (\"a\", \"b c\") FROM 's3://b/m' IAM_ROLE default FORMAT AS CSV TIMEFORMAT 'auto' \
             REGION 'eu-west-1' MANIFEST"
        );
    }

    #[test]
    fn a_load_that_is_noted_divides_by_zero() {
        let statements = Statements::of(&load()).unwrap();
        assert_eq!(
            statements.fails_if_loaded("s3://results/m"),
            "SELECT 1 / (CASE COUNT(*) WHEN 0 THEN 1 ELSE 0 END) \
             FROM \"sales\".\"\"\"Trades_millstream_loads\" WHERE manifest = 's3://results/m'"
        );
    }

    #[test]
    fn what_could_leave_its_place_in_a_statement_is_refused() {
        type Change = fn(&mut Load);
        let changes: [(Change, bool); 8] = [
            (|_| (), true),
            (|load| load.table = "a.b.c".into(), false),
            (|load| load.loads = Some(String::new()), false),
            (
                |load| load.iam_role = "arn:aws:iam::1:role/a' --".into(),
                false,
            ),
            (|load| load.iam_role = "ACCESS_KEY_ID".into(), false),
            (|load| load.prefix = "a{date}".into(), false),
            (|load| load.prefix = "a'b".into(), false),
            (|load| load.format = Lines::Raw, false),
        ];
        for (number, (change, is_right)) in changes.into_iter().enumerate() {
            let mut load = load();
            change(&mut load);
            assert_eq!(load.check().is_ok(), is_right, "{number}: {load:?}");
        }
    }
}
