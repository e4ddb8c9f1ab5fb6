//! Stored forms of consumers, and of the commands about them, byte by byte.

use super::*;

fn consumer_key(name: &str, created_s: u64) -> ConsumerKey {
    ConsumerKey {
        name: name.parse().unwrap(),
        created_s,
    }
}

/// Every command about consumers, as it is stored: these bytes never change.
#[test]
fn stored_commands_are_frozen() {
    let id = StreamId(3);
    let cases = [
        (
            Command::Consumer(ConsumerCommand::BeginRegisterConsumer {
                id,
                name: "billing".parse().unwrap(),
                tags: [("team".to_owned(), "grid".to_owned())].into(),
            }),
            r#"{"begin_register_consumer":{"id":3,"name":"billing","tags":{"team":"grid"}}}"#,
        ),
        (
            Command::Consumer(ConsumerCommand::FinishRegisterConsumer {
                id,
                consumer: consumer_key("billing", 5),
            }),
            r#"{"finish_register_consumer":{"id":3,"consumer":{"name":"billing","created_s":5}}}"#,
        ),
        (
            Command::Consumer(ConsumerCommand::BeginDeregisterConsumer {
                id,
                consumer: consumer_key("billing", 5),
            }),
            r#"{"begin_deregister_consumer":{"id":3,"consumer":{"name":"billing","created_s":5}}}"#,
        ),
        (
            Command::Consumer(ConsumerCommand::FinishDeregisterConsumer {
                id,
                consumer: consumer_key("billing", 5),
            }),
            r#"{"finish_deregister_consumer":{"id":3,"consumer":{"name":"billing","created_s":5}}}"#,
        ),
    ];
    for (command, text) in cases {
        let entry = CommandEntry::new(TimestampMs(START_MS), command);
        let stored = format!(r#"{{"v":1,"at_ms":{START_MS},"command":{text}}}"#);
        assert_eq!(std::str::from_utf8(&entry.encode()).unwrap(), stored);
        assert_eq!(CommandEntry::decode(stored.as_bytes()).unwrap(), entry);
    }
}

/// Consumers as snapshots hold them since there are consumers.
#[test]
fn stored_consumers_are_frozen() {
    let mut catalog = Catalog::default();
    let mut apply = |command| {
        let entry = CommandEntry::new(TimestampMs(START_MS), command);
        let id = catalog.apply(&entry).unwrap().stream;
        id.and_then(|id| catalog.get(id).cloned())
    };
    let begin = Command::Stream(StreamCommand::BeginCreateStream {
        stream: spec("meters", 1),
        account_shards_max: None,
    });
    let stream = apply(begin).unwrap();
    let id = stream.id;
    apply(finish(&stream, START_MS).unwrap());
    let register = |name: &str, tags| {
        Command::Consumer(ConsumerCommand::BeginRegisterConsumer {
            id,
            name: name.parse().unwrap(),
            tags,
        })
    };
    let tags = BTreeMap::from([("team".to_owned(), "grid".to_owned())]);
    let first = apply(register("old", BTreeMap::new())).unwrap();
    let old = first.consumers[0].key.clone();
    apply(Command::Consumer(
        ConsumerCommand::BeginDeregisterConsumer {
            id,
            consumer: old.clone(),
        },
    ));
    apply(Command::Consumer(
        ConsumerCommand::FinishDeregisterConsumer { id, consumer: old },
    ));
    let stream = apply(register("billing", tags)).unwrap();
    apply(finish_consumer(&stream, &stream.consumers[0]));
    apply(register("alarms", BTreeMap::new()));
    let stored = String::from_utf8(catalog.encode().to_vec()).unwrap();
    let (_, consumers) = stored.split_once(r#""consumers":"#).unwrap();
    assert_eq!(
        consumers,
        concat!(
            r#"[{"key":{"name":"alarms","created_s":1793620838},"status":"CREATING"},"#,
            r#"{"key":{"name":"billing","created_s":1793620838},"status":"ACTIVE","tags":{"team":"grid"}}],"#,
            r#""consumers_floor_s":1793620837}]}"#
        )
    );
    assert_eq!(Catalog::decode(stored.as_bytes()).unwrap(), catalog);
    let policy =
        r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
    let quoted = serde_json::to_string(policy).unwrap();
    let with_policy = stored.replace(
        r#"}}],"consumers_floor"#,
        &format!(r#"}},"policy":{quoted}}}],"consumers_floor"#),
    );
    let read = Catalog::decode(with_policy.as_bytes()).unwrap();
    let billing = read.get(id).unwrap().consumer("billing").unwrap();
    assert_eq!(billing.policy.as_ref().unwrap().text(), policy);
}
