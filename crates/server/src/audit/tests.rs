use millstream_types::CallError;

use super::*;

/// A clock that stands still until it is set.
#[derive(Debug)]
struct Fixed(AtomicU64);

impl WallClock for Fixed {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.0.load(Ordering::Relaxed))
    }
}

fn fixed() -> Arc<Fixed> {
    Arc::new(Fixed(AtomicU64::new(7)))
}

const ACCOUNT: &str = "111111111111";
const PRINCIPAL: &str = "arn:aws:iam::111111111111:user/a";

fn open(path: &Path, clock: Arc<dyn WallClock>) -> Audit {
    Audit::open(Some(path), false, 100, clock).unwrap()
}

/// A call of the control plane, by somebody who was verified.
fn tell(audit: &Audit, request_id: &str, change: impl FnOnce(&mut CallRecord<'_>)) {
    let (account, region) = (ACCOUNT.parse().unwrap(), "eu-west-1".parse().unwrap());
    let mut call = CallRecord {
        request_id: &request_id,
        service: "kinesis",
        operation: Some("CreateStream"),
        target: "Kinesis_20131202.CreateStream",
        plane: Plane::Control,
        peer: IpAddr::from([10, 0, 0, 1]),
        account: Some(&account),
        region: Some(&region),
        principal: Some(PRINCIPAL),
        access_key: None,
        resource: Some("meters"),
        status: 200,
        error: None,
        request_bytes: 0,
        answer_bytes: 0,
        records: 0,
        time: std::time::Duration::ZERO,
    };
    change(&mut call);
    audit.call(&call);
}

fn denied(call: &mut CallRecord<'_>) {
    call.status = 400;
    call.error = Some(CallError::of(400, "AccessDeniedException"));
}

fn strangers(call: &mut CallRecord<'_>) {
    call.status = 400;
    call.error = Some(CallError::of(400, "UnrecognizedClientException"));
    call.principal = None;
    call.account = None;
}

#[test]
fn events_are_lines_of_json_in_the_order_of_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.json");
    for round in 0..2 {
        let audit = open(&path, fixed());
        tell(&audit, "r1", |_| ());
        tell(&audit, "r2", denied);
        audit.close();
        tell(&audit, "r3", |_| ());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2 * (round + 1), "{text}");
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.lines().nth(1).unwrap(),
        r#"{"time_ms":7,"request_id":"r2","source":"10.0.0.1","action":"kinesis:CreateStream","principal":"arn:aws:iam::111111111111:user/a","account":"111111111111","resource":"meters","outcome":"AccessDeniedException"}"#
    );
}

#[test]
fn a_renamed_file_is_left_and_its_name_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit"), folder.path().join("audit.1"));
    let audit = open(&path, fixed());
    tell(&audit, "r1", |_| ());
    let is_written = || std::fs::read_to_string(&path).is_ok_and(|text| text.contains("r1"));
    while !is_written() {
        std::thread::yield_now();
    }
    std::fs::rename(&path, &old).unwrap();
    audit.reopen();
    tell(&audit, "r2", |_| ());
    audit.close();
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert!(lines(&old).contains("r1") && !lines(&old).contains("r2"));
    assert!(lines(&path).contains("r2") && !lines(&path).contains("r1"));
}

#[test]
fn calls_on_data_are_told_only_if_they_are_denied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let audit = open(&path, fixed());
    let data = |call: &mut CallRecord<'_>| {
        call.plane = Plane::Data;
        call.operation = Some("PutRecord");
    };
    tell(&audit, "done", data);
    tell(&audit, "failed", |call| {
        data(call);
        call.status = 400;
        call.error = Some(CallError::of(400, "ResourceNotFoundException"));
    });
    tell(&audit, "denied", |call| {
        data(call);
        denied(call);
    });
    audit.close();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(r#""request_id":"denied""#), "{text}");
}

#[test]
fn a_flood_of_refusals_is_counted_and_hides_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let clock = fixed();
    let audit = open(&path, Arc::clone(&clock) as _);
    const OTHER: &str = "arn:aws:iam::111111111111:user/b";
    for _ in 0..1_000 {
        tell(&audit, "stranger", strangers);
    }
    for _ in 0..500 {
        tell(&audit, "known", denied);
    }
    tell(&audit, "other", |call| {
        denied(call);
        call.principal = Some(OTHER);
    });
    tell(&audit, "done", |_| ());
    audit.tell_counted();
    clock.0.store(1_007, Ordering::Relaxed);
    tell(&audit, "next", strangers);
    audit.tell_counted();
    audit.tell_counted();
    audit.close();
    let text = std::fs::read_to_string(&path).unwrap();
    let count = |pattern: &str| text.lines().filter(|line| line.contains(pattern)).count();
    assert_eq!((count(r#""stranger""#), count(r#""known""#)), (100, 100));
    assert_eq!(
        (count("\"other\""), count("\"done\""), count("\"next\"")),
        (1, 1, 1)
    );
    assert_eq!(count("refusals_counted"), 2, "{text}");
    assert_eq!(count(r#"{"time_ms":1007,"refusals_counted":900}"#), 1);
    let known = format!(r#""principal":"{PRINCIPAL}","refusals_counted":400}}"#);
    assert_eq!(count(&known), 1, "{text}");
}

#[test]
fn what_was_counted_last_is_told_when_the_file_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let audit = open(&path, fixed());
    for _ in 0..101 {
        tell(&audit, "r", strangers);
    }
    audit.close();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.ends_with("{\"time_ms\":7,\"refusals_counted\":1}\n"),
        "{text}"
    );
}

/// A disk that waits until it is let go.
struct Slow(Receiver<()>, Arc<Mutex<Vec<u8>>>);

impl Slow {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        // A sender that is gone lets everything go.
        self.0.recv().ok();
        self.1.lock().extend_from_slice(bytes);
        Ok(())
    }
}

#[test]
fn what_does_not_fit_is_counted_and_the_count_written() {
    let (let_go, held) = sync_channel(1);
    let written = Arc::new(Mutex::new(Vec::new()));
    let (sender, receiver) = sync_channel(QUEUE_COUNT_MAX);
    let shared = Arc::new(Shared::default());
    let (of_thread, disk) = (Arc::clone(&shared), Slow(held, Arc::clone(&written)));
    let thread = std::thread::spawn(move || {
        write_all(&receiver, |line| disk.write(line), &of_thread, &*fixed());
    });
    let file = AuditFile {
        path: PathBuf::new(),
        queue: Mutex::new(Some(sender)),
        shared,
        thread: Mutex::new(Some(thread)),
    };
    let line = vec![b'x'; QUEUE_BYTES_MAX / 4];
    for _ in 0..10 {
        file.push(line.clone());
    }
    let dropped = file.shared.dropped.load(Ordering::Relaxed);
    assert!((5..=6).contains(&dropped), "{dropped}");
    drop(let_go);
    file.close();
    let text = String::from_utf8(written.lock().clone()).unwrap();
    let told = format!(r#"{{"time_ms":7,"dropped":{dropped}}}"#);
    assert!(text.contains(&told), "the count is written");
    assert_eq!(file.shared.waiting_bytes.load(Ordering::Relaxed), 0);
}

#[test]
fn what_becomes_of_a_streams_shards_is_told_with_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.json");
    let audit = open(&path, fixed());
    audit.scaled(&ScalingRecord {
        account: &ACCOUNT.parse().unwrap(),
        region: &"eu-west-1".parse().unwrap(),
        stream: &"meters".parse().unwrap(),
        reshards: millstream_types::Reshards::Splits,
        shards_before: 4,
        shards_after: 6,
        shards_wanted: 6,
        bytes_per_s: 3_000_000,
        peak_bytes_per_s: 3_000_001,
        busiest: Some((millstream_types::ShardId::FIRST, 800_000)),
    });
    audit.close();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap().trim_end(),
        r#"{"time_ms":7,"action":"millstream:ScaleOnDemandStream","account":"111111111111","resource":"arn:aws:kinesis:eu-west-1:111111111111:stream/meters","reshards":"split","shards_before":4,"shards_after":6,"shards_wanted":6,"bytes_per_s":3000000,"peak_bytes_per_s":3000001,"busiest_shard":"shardId-000000000000","busiest_bytes_per_s":800000}"#
    );
}
