//! Settings, tags and commitments: their stored form, and who changes what.

use super::*;

/// A snapshot with everything that later versions added to the first one's: it must be readable for ever.
#[test]
fn stored_settings_are_frozen() {
    let stored = concat!(
        r#"{"v":1,"last_stream_id":1,"last_log_id":1,"namesakes":[],"namesakes_floor_s":0,"streams":[{"id":1,"#,
        r#""key":{"account":"210987654321","region":"eu-west-1","name":"meters"},"created_ms":1793620837250,"#,
        r#""status":"UPDATING","mode":"ON_DEMAND","retention_hours":24,"max_record_size_kib":1024,"tags":{"a":"b"},"#,
        r#""shards":[{"id":0,"range":{"start":"0","end":"340282366920938463463374607431768211455"},"#,
        r#""created_s":1793620834,"opened_ms":1793620837250,"log":1,"#,
        r#""place":"010000000000000000000000000000000000000000000000","state":"open"}],"next_shard_index":1,"#,
        r#""last_created_s":1793620834,"change":{"update":{"setting":{"max_record_size":{"kib":2048}}}},"#,
        r#""key_id":"alias/a","shard_level_metrics":["IncomingBytes","IteratorAgeMilliseconds"],"#,
        r#""warm_throughput_mibps":1,"record_distribution":"AUTO","#,
        r#""counted_changes":{"start_encryption":[1793620837250],"switch_mode":[1793620837250]}}],"#,
        r#""commitments":[{"account":"210987654321","region":"eu-west-1","commitment":{"started_ms":1793620837250,"#,
        r#""earliest_end_ms":1793620838250,"end_ms":1793620838250}}]}"#,
    );
    let mut catalog = Catalog::default();
    let begin = Command::Stream(StreamCommand::BeginCreateStream {
        stream: spec("meters", 1),
        account_shards_max: None,
    });
    let id = apply(&mut catalog, begin).unwrap().stream.unwrap();
    finish_of(&mut catalog, id);
    for enabled in [true, false] {
        let commitment = Command::Service(ServiceCommand::UpdateCommitment {
            account: key("meters").account,
            region: key("meters").region,
            enabled,
            minimum_ms: 1000,
        });
        apply(&mut catalog, commitment).unwrap();
    }
    let metrics = [
        MetricsName::IncomingBytes,
        MetricsName::IteratorAgeMilliseconds,
    ];
    let settings = [
        Setting::Encryption {
            key_id: Some("alias/a".into()),
        },
        Setting::Mode {
            mode: StreamMode::OnDemand,
            warm_throughput_mibps: None,
        },
        Setting::EnableMetrics {
            metrics: metrics.into(),
        },
        Setting::WarmThroughput { mibps: 1 },
        Setting::RecordDistribution {
            strategy: RecordDistributionStrategy::Auto,
        },
    ];
    for setting in settings {
        apply(&mut catalog, update(id, setting, None)).unwrap();
        finish_of(&mut catalog, id);
    }
    let resource = || Tagged::Stream(id);
    let tags = [("a".to_owned(), "b".to_owned())].into();
    apply(
        &mut catalog,
        Command::Tag(TagCommand::AddTags {
            resource: resource(),
            tags,
        }),
    )
    .unwrap();
    let keys = ["team".to_owned()].into();
    apply(
        &mut catalog,
        Command::Tag(TagCommand::RemoveTags {
            resource: resource(),
            keys,
        }),
    )
    .unwrap();
    apply(
        &mut catalog,
        update(id, Setting::MaxRecordSize { kib: 2048 }, None),
    )
    .unwrap();
    assert_eq!(std::str::from_utf8(&catalog.encode()).unwrap(), stored);
    assert_eq!(Catalog::decode(stored.as_bytes()).unwrap(), catalog);
}

#[test]
fn a_counted_change_is_refused_once_the_day_is_full_and_leaves_no_trace() {
    let mut catalog = Catalog::default();
    let begin = Command::Stream(StreamCommand::BeginCreateStream {
        stream: spec("meters", 1),
        account_shards_max: None,
    });
    let id = apply(&mut catalog, begin).unwrap().stream.unwrap();
    finish_of(&mut catalog, id);
    let on = || Setting::Encryption {
        key_id: Some("alias/a".into()),
    };
    for _ in 0..3 {
        apply(&mut catalog, update(id, on(), Some(3))).unwrap();
        finish_of(&mut catalog, id);
    }
    let before = catalog.clone();
    let refused = apply(&mut catalog, update(id, on(), Some(3)));
    assert_eq!(refused, Err(Rejected::TooOften));
    assert_eq!(catalog, before);
    let off = Setting::Encryption { key_id: None };
    apply(&mut catalog, update(id, off, Some(1))).unwrap();
    finish_of(&mut catalog, id);
    let next_day = CommandEntry::new(
        TimestampMs(START_MS + 24 * 60 * 60 * 1000),
        update(id, on(), Some(3)),
    );
    catalog.apply(&next_day).unwrap();
    let stream = catalog.get(id).unwrap();
    let times = &stream.counted_changes[&CountedChange::StartEncryption];
    assert_eq!(times.len(), 1, "those of the day before are forgotten");
}

#[test]
fn peaks_go_with_the_mode_and_are_given_up_with_the_warm_throughput() {
    let mut catalog = Catalog::default();
    let begin = Command::Stream(StreamCommand::BeginCreateStream {
        stream: StreamSpec {
            mode: StreamMode::OnDemand,
            ..spec("meters", 4)
        },
        account_shards_max: None,
    });
    let id = apply(&mut catalog, begin).unwrap().stream.unwrap();
    finish_of(&mut catalog, id);
    let commitment = Command::Service(ServiceCommand::UpdateCommitment {
        account: key("meters").account,
        region: key("meters").region,
        enabled: true,
        minimum_ms: 1000,
    });
    apply(&mut catalog, commitment).unwrap();
    let peak = |catalog: &Catalog| catalog.get(id).unwrap().write_peak(TimestampMs(START_MS));
    let note = |bytes_per_s| Command::Stream(StreamCommand::NoteWritePeak { id, bytes_per_s });
    let mut given = |setting| {
        apply(&mut catalog, note(9)).unwrap();
        apply(&mut catalog, update(id, setting, None)).unwrap();
        finish_of(&mut catalog, id);
        peak(&catalog)
    };
    assert_eq!(given(Setting::WarmThroughput { mibps: 3 }), 9);
    assert_eq!(given(Setting::WarmThroughput { mibps: 4 }), 9);
    assert_eq!(given(Setting::WarmThroughput { mibps: 4 }), 0);
    assert_eq!(given(Setting::WarmThroughput { mibps: 2 }), 0);
    let mode = |mode| Setting::Mode {
        mode,
        warm_throughput_mibps: None,
    };
    assert_eq!(given(mode(StreamMode::OnDemand)), 9);
    assert_eq!(given(mode(StreamMode::Provisioned)), 0);
    let refused = apply(&mut catalog, note(9));
    assert_eq!(refused, Err(Rejected::Provisioned));
}

fn update(id: StreamId, setting: Setting, per_day_max: Option<u32>) -> Command {
    Command::Stream(StreamCommand::UpdateSetting {
        id,
        setting,
        per_day_max,
        account_shards_max: None,
    })
}

fn apply(catalog: &mut Catalog, command: Command) -> Result<Applied, Rejected> {
    catalog.apply(&CommandEntry::new(TimestampMs(START_MS), command))
}

/// Finishes what the stream has begun, if it has begun anything.
fn finish_of(catalog: &mut Catalog, id: StreamId) {
    let stream = catalog.get(id).unwrap().clone();
    if let Some(command) = finish(&stream, START_MS) {
        apply(catalog, command).unwrap();
    }
}
