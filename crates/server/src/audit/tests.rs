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

fn note(error: Option<&str>) -> AuditNote {
    AuditNote {
        action: "kinesis:CreateStream".into(),
        principal: Some("arn:aws:iam::111111111111:user/a".into()),
        access_key: None,
        account: Some("111111111111".into()),
        resource: Some("meters".into()),
        error: error.map(str::to_owned),
    }
}

#[test]
fn what_a_client_says_is_repeated_up_to_a_bound() {
    assert_eq!(cut_access_key(&"ä".repeat(2_000)).len(), 128);
    assert_eq!(cut(&"a".repeat(100_000)).len(), TEXT_BYTES_MAX);
    assert_eq!(cut_access_key("AKIDEXAMPLE"), "AKIDEXAMPLE");
}

#[test]
fn events_are_lines_of_json_in_the_order_of_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.json");
    for round in 0..2 {
        let audit = Audit::open(Some(&path), false, fixed()).unwrap();
        audit.record("r1", IpAddr::from([127, 0, 0, 1]), &note(None));
        audit.record(
            "r2",
            IpAddr::from([10, 0, 0, 1]),
            &note(Some("AccessDeniedException")),
        );
        audit.close();
        audit.record("r3", IpAddr::from([10, 0, 0, 1]), &note(None));
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
    let audit = Audit::open(Some(&path), false, fixed()).unwrap();
    let source = IpAddr::from([127, 0, 0, 1]);
    audit.record("r1", source, &note(None));
    let is_written = || std::fs::read_to_string(&path).is_ok_and(|text| text.contains("r1"));
    while !is_written() {
        std::thread::yield_now();
    }
    std::fs::rename(&path, &old).unwrap();
    audit.reopen();
    audit.record("r2", source, &note(None));
    audit.close();
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert!(lines(&old).contains("r1") && !lines(&old).contains("r2"));
    assert!(lines(&path).contains("r2") && !lines(&path).contains("r1"));
}

#[test]
fn a_flood_of_refused_strangers_is_counted_and_hides_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let clock = fixed();
    let audit = Audit::open(Some(&path), false, Arc::clone(&clock) as _).unwrap();
    let source = IpAddr::from([10, 0, 0, 1]);
    let stranger = AuditNote {
        principal: None,
        ..note(Some("UnrecognizedClientException"))
    };
    for _ in 0..1_000 {
        audit.record("stranger", source, &stranger);
    }
    audit.record("known", source, &note(Some("AccessDeniedException")));
    audit.record("done", source, &note(None));
    audit.tell_counted();
    clock.0.store(1_007, Ordering::Relaxed);
    audit.record("next", source, &stranger);
    audit.tell_counted();
    audit.tell_counted();
    audit.close();
    let text = std::fs::read_to_string(&path).unwrap();
    let count = |pattern: &str| text.lines().filter(|line| line.contains(pattern)).count();
    assert_eq!(count(r#""stranger""#), 100);
    assert_eq!((count("known"), count("done"), count("next")), (1, 1, 1));
    assert_eq!(count("refusals_counted"), 1);
    assert_eq!(count(r#""refusals_counted":900}"#), 1);
}

#[test]
fn what_was_counted_last_is_told_when_the_file_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let audit = Audit::open(Some(&path), false, fixed()).unwrap();
    let stranger = AuditNote {
        principal: None,
        ..note(Some("UnrecognizedClientException"))
    };
    for _ in 0..101 {
        audit.record("r", IpAddr::from([10, 0, 0, 1]), &stranger);
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
