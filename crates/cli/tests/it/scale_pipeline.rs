//! A pipeline with a table `[scale]`: `scale` starts its workers, `finish` deletes all that it has made.

use crate::pipeline_place::{Place, lines_of, numbered, until};

const REST: &str = r#"
[window]
every = "2s"
by = ".k"
values = { records = "count" }
[[sink]]
files = { folder = "OUT", flush = { time = "300ms" } }
[scale]
look = "500ms"
settling = "1500ms"
quiet = "1500ms"
[scale.workers]
max = 1
"#;

#[test]
fn a_pipeline_is_scaled_and_finished_by_its_name() {
    let place = Place::new(2);
    let file = place.declare(REST);
    place.world.run(&["pipeline", "check", &file]);
    let scaler = place.world.start(&["scale", &file]);
    place.write(&numbered(1, 700));
    until("all records in the windows", || {
        // A row that comes again, with a higher revision, is the whole of its window.
        let mut latest = std::collections::BTreeMap::new();
        for line in lines_of(&place.out()) {
            let key = (line["window"].to_string(), line["by"].to_string());
            let revision = line["revision"].as_u64().unwrap();
            let seen = latest.entry(key).or_insert((0, 0));
            *seen = (*seen).max((revision, line["records"].as_u64().unwrap()));
        }
        let records: u64 = latest.values().map(|(_, records)| records).sum();
        match records {
            700 => Ok(()),
            records => Err(format!("{records} records")),
        }
    });
    let (ended, said) = scaler.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    assert!(said.contains("1 workers are started"), "{said}");

    let there = place.world.run(&["finish", "tested", "--look", "1ms"]);
    let names: Vec<&str> = there
        .lines()
        .map(|line| line.split(" (").next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "there: stream source",
            "there: stream tested-windows",
            "there: table tested",
            "there: table tested-windows",
            "there: table tested-Scaler",
            "there: table tested-state",
        ]
    );
    let kept = [
        "finish",
        "tested",
        "--look",
        "1ms",
        "--yes",
        "--keep-stream",
    ];
    let deleted = place.world.run(&kept);
    assert_eq!(deleted.matches("deleted: ").count(), 5, "{deleted}");
    let streams = place.world.run(&["streams", "list"]);
    assert!(
        streams.contains("source") && !streams.contains("tested"),
        "{streams}"
    );
    assert_eq!(place.world.run(&["apps", "list"]), "");
}
