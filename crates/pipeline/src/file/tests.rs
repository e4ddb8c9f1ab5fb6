use super::*;

const WHOLE: &str = r#"
name = "trades"
[source]
stream = "StockTradeStream"
start = "trim-horizon"
decode = "json"
[[step]]
filter = ".quantity > 0"
[[step]]
map = "{ticker: .tickerSymbol, price, quantity}"
[window]
every = "1m"
by = ".ticker"
values = { trades = "count", shares = "sum .quantity", p99 = "p99 .price", top = "top 3 .ticker" }
[[sink]]
files = { folder = "out", format = "csv", columns = ["by", "trades"], compression = "gzip", flush = { bytes = "1 MiB", time = "5s" } }
[[sink]]
stream = { name = "TradeStats", key = ".by" }
optional = true
[dead_letter]
stream = "trades-rejected"
"#;

fn problems(text: &str) -> Vec<String> {
    match Pipeline::parse(text) {
        Ok(_) => Vec::new(),
        Err(InvalidFile(problems)) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_whole_file() {
    let pipeline = Pipeline::parse(WHOLE).unwrap();
    let plan = pipeline.window.as_ref().unwrap();
    let names: Vec<&str> = plan
        .values
        .iter()
        .map(|value| value.name.as_str())
        .collect();
    assert_eq!(names, ["trades", "shares", "p99", "top"]);
    assert_eq!((pipeline.transform.steps.len(), plan.every_ms), (2, 60_000));
    assert!(pipeline.delivers_by_cuts() && pipeline.sinks[1].is_optional);
    assert_eq!(
        pipeline.dead_letter_stream.as_deref(),
        Some("trades-rejected")
    );
    assert_eq!(
        problems("name = \"abc\"\n[source]\nstream = \"s\"\n[[sink]]\nstdout = {}\n"),
        Vec::<String>::new()
    );
}

#[test]
fn all_mistakes_at_once_each_with_its_place_and_what_would_be_right() {
    let text = r#"name = "x y"
[source]
steram = "S"
start = "yesterday"
decode = "xml"
[[step]]
filter = ".a |"
[[step]]
[window]
every = "0s"
late = "5s"
values = { n = "avg .x", s = "sum", by = "count", m = "sum nosuch" }
[[sink]]
files = { format = "csv", flush = { bytes = "lots" } }
[[sink]]
telegraph = {}
[dead_letter]
strm = 1
"#;
    let found = problems(text);
    let expected = [
        (1, 8, "3 to 100 letters"),
        (2, 1, "source.stream is missing: write stream ="),
        (3, 1, "source.steram is not known: did you mean stream?"),
        (4, 9, "\"trim-horizon\", \"latest\" or a time"),
        (5, 10, "write json, csv, text or raw"),
        (7, 15, "step[1].filter is no jq program"),
        (8, 1, "a step does nothing: write filter"),
        (10, 9, "1 second to 7 days"),
        (11, 8, "write time = \".at\" too"),
        (12, 16, "write one of count, sum"),
        (12, 30, "of what?"),
        (12, 37, "choose another name"),
        (12, 60, "is not defined"),
        (14, 9, "folder is missing"),
        (14, 20, "columns is missing"),
        (14, 45, "is no size"),
        (16, 1, "telegraph is not known"),
        (17, 1, "stream is missing"),
        (18, 1, "strm is not known"),
    ];
    for (line, column, says) in expected {
        let place = format!("{line}:{column}: ");
        let hit = found
            .iter()
            .any(|problem| problem.starts_with(&place) && problem.contains(says));
        assert!(hit, "{place}{says} is not among\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[cfg(feature = "parquet")]
#[test]
fn a_sink_of_columns_is_read_whole_and_only_where_there_are_files() {
    let file = |sink: &str| format!("name = \"abc\"\n[source]\nstream = \"S\"\n[[sink]]\n{sink}\n");
    let right = "files = { folder = \"out\", format = \"parquet\", compression = \"snappy\", schema = { n = \"long\", \"a b\" = \"json\" } }";
    assert_eq!(problems(&file(right)), Vec::<String>::new());
    let cases = [
        (
            "files = { folder = \"out\", format = \"parquet\", compression = \"gzip\", schema = { n = \"int\", m = 1, o = \"string\" } }",
            &[
                "write none or snappy",
                "schema.n: \"int\" is not known",
                "schema.m is of type integer",
            ][..],
        ),
        (
            "files = { folder = \"out\", format = \"parquet\", schema = {} }",
            &["a schema has columns"],
        ),
        (
            "files = { folder = \"out\", format = \"parquet\", schema = \"n\" }",
            &["schema is of type string"],
        ),
        (
            "files = { folder = \"out\", format = \"json\", schema = { n = \"long\" } }",
            &["schema is not known"],
        ),
        (
            "stdout = { format = \"parquet\" }",
            &["write json, csv or raw"],
        ),
    ];
    for (sink, says) in cases {
        let found = problems(&file(sink));
        assert_eq!(found.len(), says.len(), "{sink}: {found:?}");
        for said in says {
            assert!(
                found.iter().any(|problem| problem.contains(said)),
                "{said}: {found:?}"
            );
        }
    }
}

#[test]
fn what_is_no_toml_is_told_beside_the_rest() {
    let found = problems("name = \"abc\nfoo = 1\n");
    assert!(
        found.iter().any(|problem| problem.starts_with("1:")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|problem| problem.contains("[source] is missing")),
        "{found:?}"
    );
}

#[test]
fn the_file_of_each_page_is_right() {
    let pages = [
        include_str!("../../../../README.md"),
        include_str!("../../../../docs/pipelines.md"),
        include_str!("../../../../docs/connectors/postgres.md"),
        include_str!("../../../../docs/connectors/http.md"),
        #[cfg(feature = "redshift")]
        include_str!("../../../../docs/connectors/redshift.md"),
        #[cfg(feature = "iceberg")]
        include_str!("../../../../docs/connectors/iceberg.md"),
        include_str!("../../../../docs/connectors/opensearch.md"),
        include_str!("../../../../docs/connectors/kafka.md"),
    ];
    for page in pages {
        let file = page.split("```toml\n").nth(1).unwrap();
        let file = file.split("```").next().unwrap();
        assert_eq!(problems(file), Vec::<String>::new(), "{file}");
    }
}

/// What costs eleven minutes of CPU is not in every build: a file that wants it is told how to get it.
#[cfg(not(feature = "iceberg"))]
#[test]
fn a_sink_that_is_not_built_says_how_to_build_it() {
    let file = "name = \"abc\"\n[source]\nstream = \"s\"\n[[sink]]\niceberg = { url = \"http://h\", table = \"a.b\" }\n";
    let found = problems(file);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("5:11: ") && found[0].contains("--features iceberg"),
        "{found:?}"
    );
}

#[cfg(feature = "iceberg")]
#[test]
fn mistakes_in_a_table_of_iceberg_have_their_place() {
    let head = "name = \"abc\"\n[source]\nstream = \"s\"\n[[sink]]\niceberg = ";
    for (sink, says) in [
        (
            "{ url = \"h:1\", table = \"a.b\" }",
            "url is no http:// or https://",
        ),
        ("{ url = \"http://h?x=1\", table = \"a.b\" }", "warehouse"),
        ("{ url = \"http://h\", table = \"b\" }", "NAMESPACE.NAME"),
        ("{ url = \"http://h\", table = \"a..b\" }", "NAMESPACE.NAME"),
        (
            "{ url = \"http://h\", table = \"a.b\", schema = { n = \"int\" } }",
            "boolean, long",
        ),
        (
            "{ url = \"http://h\", table = \"a.b\", sigv4 = \"glue\", token_env = \"T\" }",
            "together",
        ),
        (
            "{ url = \"http://h\", table = \"a.b\", format = \"json\" }",
            "not known",
        ),
        (
            "{ sql = \"http://h\", catalog = \"c\", table = \"a.b\" }",
            "postgresql://USER@HOST",
        ),
        (
            "{ sql = \"postgresql://h/d\", table = \"a.b\" }",
            "catalog is missing",
        ),
        (
            "{ sql = \"postgresql://h/d\", catalog = \"c\", table = \"a.b\", warehouse = \"lake\" }",
            "s3://",
        ),
        (
            "{ sql = \"postgresql://h/d\", catalog = \"c\", table = \"a.b\", url = \"http://h\" }",
            "another",
        ),
        (
            "{ url = \"http://h\", catalog = \"c\", table = \"a.b\" }",
            "not known",
        ),
    ] {
        let found = problems(&format!("{head}{sink}\n"));
        assert_eq!(found.len(), 1, "{sink}: {found:?}");
        assert!(
            found[0].starts_with("5:") && found[0].contains(says),
            "{found:?}"
        );
    }
}

#[cfg(feature = "redshift")]
#[test]
fn redshift_has_one_way_to_it() {
    let head = "name = \"abc\"\n[source]\nstream = \"s\"\n[[sink]]\n";
    let rest = "table = \"t\", bucket = \"b\", iam_role = \"default\"";
    for (way, says) in [
        ("cluster = \"c\", database = \"d\", user = \"u\"", None),
        ("cluster = \"c\", database = \"d\"", None),
        (
            "workgroup = \"w\", database = \"d\", secret_arn = \"arn:s\", data_endpoint = \"https://h\"",
            None,
        ),
        ("iam = \"x\"", Some("url is missing")),
        (
            "database = \"d\", url = \"postgresql://h/d\"",
            Some("redshift.database is for the Data API"),
        ),
        ("cluster = \"c\"", Some("database is missing")),
        (
            "cluster = \"c\", url = \"postgresql://h/d\", database = \"d\"",
            Some("one way"),
        ),
        (
            "cluster = \"c\", workgroup = \"w\", database = \"d\"",
            Some("beside a cluster"),
        ),
        (
            "workgroup = \"w\", user = \"u\", database = \"d\"",
            Some("is a cluster's"),
        ),
        (
            "cluster = \"c\", user = \"u\", secret_arn = \"arn:s\", database = \"d\"",
            Some("is in the secret"),
        ),
        (
            "cluster = \"c\", database = \"d\", data_endpoint = \"h\"",
            Some("is no URL"),
        ),
    ] {
        let found = problems(&format!("{head}redshift = {{ {way}, {rest} }}\n"));
        let is_there = match says {
            None => found.is_empty(),
            Some(says) => found.iter().any(|problem| problem.contains(says)),
        };
        assert!(is_there, "{way}: {found:?}");
    }
}

#[test]
fn mistakes_in_sinks_elsewhere_have_their_place_too() {
    let head = "name = \"abc\"\n[source]\nstream = \"s\"\n[[sink]]\n";
    for (sink, at, says) in [
        (
            "postgres = { url = \"db\", table = \"t\", columns = { a = \".a\" } }",
            20,
            "postgresql://USER@HOST",
        ),
        (
            "postgres = { url = \"postgresql://h/d?sslmode=verify-ca\", table = \"t\", columns = { a = \".a\" } }",
            20,
            "verify-full",
        ),
        (
            "postgres = { url = \"postgresql://h/d\", table = \"t\" }",
            12,
            "columns is missing",
        ),
        (
            "postgres = { url = \"postgresql://h/d\", table = \"a.b.c\", columns = { a = \".a\" } }",
            48,
            "schema.table",
        ),
        (
            "postgres = { url = \"postgresql://h/d\", table = \"t\", columns = { millstream_id = \".a\" } }",
            48,
            "written by the sink",
        ),
        (
            "postgres = { url = \"postgresql://h/d\", table = \"t\", columns = { a = \"a\" } }",
            69,
            "no path to a field",
        ),
        ("http = { url = \"ftp://h\" }", 16, "https://HOST/PATH"),
        (
            "http = { url = \"http://me:secret@h/\" }",
            16,
            "without a password",
        ),
        ("http = { url = \"http://h\", batch = 0 }", 36, "1 to 10000"),
        (
            "http = { url = \"http://h\", timeout = \"2m\" }",
            38,
            "100 ms to 40s",
        ),
        (
            "http = { url = \"http://h\", shape = \"lambda\" }",
            36,
            "source_arn is missing",
        ),
        (
            "http = { url = \"http://h\", headers = { \"a b\" = \"c\" } }",
            40,
            "is no header",
        ),
        (
            "opensearch = { url = \"https://h\" }",
            14,
            "index is missing",
        ),
        (
            "opensearch = { url = \"https://h/?a=b\", index = \"i\" }",
            22,
            "has a query",
        ),
        (
            "opensearch = { url = \"h:9200\", index = \"i\" }",
            22,
            "https://HOST:9200",
        ),
        (
            "opensearch = { url = \"https://h\", index = \"Trades\" }",
            43,
            "small letters",
        ),
        (
            "opensearch = { url = \"https://h\", index = \"i\", user = \"me\" }",
            55,
            "password_env",
        ),
        (
            "opensearch = { url = \"https://h\", index = \"i\", timeout = \"1h\" }",
            58,
            "100 ms to 40s",
        ),
        ("kafka = { topic = \"t\" }", 9, "brokers = [\"HOST:9092\"]"),
        (
            "kafka = { brokers = [\"h\"], topic = \"t\" }",
            9,
            "hosts and ports",
        ),
        (
            "kafka = { brokers = [\"h:1\"], topic = \"a b\" }",
            38,
            "1 to 249 letters",
        ),
        (
            "kafka = { brokers = [\"h:1\"], topic = \"t\", authorities = \"f\" }",
            57,
            "tls = true",
        ),
        (
            "kafka = { brokers = [\"h:1\"], topic = \"t\", user = \"me\" }",
            50,
            "password_env",
        ),
        (
            "kafka = { brokers = [\"h:1\"], topic = \"t\", mechanism = \"gssapi\" }",
            55,
            "scram-sha-512",
        ),
    ] {
        let found = problems(&format!("{head}{sink}\n"));
        let is_there = found.len() == 1
            && found[0].starts_with(&format!("5:{at}: "))
            && found[0].contains(says);
        assert!(is_there, "{sink}: {found:?}");
    }
}
