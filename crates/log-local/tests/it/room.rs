//! A full disk: records are refused first, commands and what frees room go on, and records resume.

use futures::executor::block_on;
use millstream_log::contract::close;
use millstream_log::{
    AppendError, AppendId, CounterValue, EngineStatus, LogEngine, NotWritten, Place,
};
use millstream_log_local::LocalEngine;
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};

use crate::folder::{append_one, create, data, failure, wait_until};
use crate::workload::{open, read_all};

/// Bytes of segments that are kept for later.
fn prepared_bytes(engine: &LocalEngine) -> u64 {
    let counters = engine.counters().into_iter();
    let mut prepared = counters.filter(|counter| counter.name == "prepared_bytes");
    match prepared.next().map(|counter| counter.value) {
        Some(CounterValue::Now(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_refuses_records_first_and_resumes() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let commands = create(&engine, 0, 0);
    let records = create(&engine, 1, 1);
    append_one(&engine, commands, "a command").unwrap();
    // The reserve is made in the background, behind the next segment: a disk that is full before has none.
    wait_until("the reserve", || prepared_bytes(&engine) >= 32 << 10);
    let full = |capacity_bytes| Faults {
        capacity_bytes: Some(capacity_bytes),
        ..Faults::default()
    };
    disk.set_faults(full(100 << 10));
    let mut written = 0u64;
    loop {
        match append_one(&engine, records, &format!("{written:0>3000}")) {
            Ok(appended) => {
                assert_eq!(appended.offset, written);
                written += 1;
            }
            Err(error) => {
                assert_eq!(error, AppendError::NotWritten(NotWritten::NoRoom));
                break;
            }
        }
        assert!(written < 1000, "the disk is never full");
    }
    assert!(written > 5);
    assert_eq!(*engine.status().borrow(), EngineStatus::NoRoom);
    // Commands go on, into the reserve if they must; so do trims.
    for number in 0..4 {
        append_one(&engine, commands, &format!("command {number}")).unwrap();
    }
    let refused = Err(AppendError::NotWritten(NotWritten::NoRoom));
    assert_eq!(append_one(&engine, records, "refused"), refused);
    assert_eq!(
        read_all(&engine, records).len() as u64,
        written,
        "reads go on"
    );
    block_on(engine.trim(records, written)).unwrap();
    disk.set_faults(Faults::default());
    wait_until("room", || append_one(&engine, records, "again").is_ok());
    let entries = read_all(&engine, records);
    assert_eq!(entries[0].offset, written);
    assert_eq!(entries[0].payload, "again");
    assert_eq!(read_all(&engine, commands).len(), 5);
    block_on(engine.stop()).unwrap();
    drop(engine);
    let again = open(&disk).unwrap();
    assert_eq!(read_all(&again, records), entries);
    assert_eq!(read_all(&again, commands).len(), 5);
}

/// Whatever the disk's size: nothing acknowledged is lost, and the engine never fails for good for want of room.
#[test]
fn every_size_of_a_disk_is_survived() {
    for capacity in (40u64 << 10..140 << 10).step_by(5 << 10) {
        let disk = PowerCutDisk::new();
        let engine = open(&disk).unwrap();
        let commands = create(&engine, 0, 0);
        let records = create(&engine, 1, 1);
        disk.set_faults(Faults {
            capacity_bytes: Some(capacity),
            ..Faults::default()
        });
        let (mut written, mut commanded) = (0, 0);
        for number in 0..60 {
            let payload = format!("{number:0>1500}");
            let appends = vec![
                data(records, payload.clone()),
                data(commands, payload),
                data(records, "small"),
            ];
            let answers = block_on(engine.append_many(appends));
            written += u64::from(answers[0].is_ok()) + u64::from(answers[2].is_ok());
            commanded += u64::from(answers[1].is_ok());
            for answer in answers {
                let no_room = Err(AppendError::NotWritten(NotWritten::NoRoom));
                assert!(answer.is_ok() || answer == no_room, "{answer:?}");
            }
        }
        assert_eq!(failure(&engine), None);
        assert_eq!(block_on(engine.bounds(records)).unwrap().next, written);
        let image = disk.after_power_cut(0);
        for engine in [&engine, &open(&image).unwrap()] {
            assert_eq!(read_all(engine, records).len() as u64, written);
            assert_eq!(read_all(engine, commands).len() as u64, commanded);
        }
    }
}

/// Calls in flight while the disk fills up: each acknowledged entry has an offset of its own and is found there.
#[test]
fn appends_in_flight_at_a_full_disk_never_share_an_offset() {
    for capacity in (40u64 << 10..140 << 10).step_by(3 << 10) {
        let disk = PowerCutDisk::new();
        let engine = open(&disk).unwrap();
        let places = [create(&engine, 0, 0), create(&engine, 1, 1)];
        disk.set_faults(Faults {
            capacity_bytes: Some(capacity),
            ..Faults::default()
        });
        let mut answered = std::collections::BTreeMap::new();
        for round in 0..12 {
            let submit = |number: usize| {
                let text = format!("{round} {number}");
                let payload = format!("{text:<1500}");
                let appends = places.map(|place| data(place, payload.clone()));
                (payload, engine.append_many(appends.into()))
            };
            let calls: Vec<_> = (0..8).map(submit).collect();
            for (payload, answers) in calls {
                for (place, answer) in (0..).zip(block_on(answers)) {
                    match answer {
                        Ok(appended) => {
                            let at = (place, appended.offset);
                            let doubled = answered.insert(at, payload.clone());
                            assert_eq!(doubled, None, "{capacity}: one answer per offset");
                        }
                        refused => {
                            assert_eq!(refused, Err(AppendError::NotWritten(NotWritten::NoRoom)))
                        }
                    }
                }
            }
        }
        assert_eq!(failure(&engine), None);
        let image = disk.after_power_cut(0);
        for engine in [&engine, &open(&image).unwrap()] {
            let mut found = std::collections::BTreeMap::new();
            for (number, place) in places.into_iter().enumerate() {
                for entry in read_all(engine, place) {
                    let payload = String::from_utf8(entry.payload.to_vec()).unwrap();
                    found.insert((number, entry.offset), payload);
                }
            }
            assert_eq!(found, answered, "{capacity}");
        }
    }
}

/// A CLOSE that was refused for want of room has closed nothing, one that was answered has: before a restart and after.
#[test]
fn a_log_whose_close_was_refused_takes_entries_again() {
    let mut refused_count = 0;
    for capacity in (40u64 << 10..140 << 10).step_by(10 << 10) {
        let disk = PowerCutDisk::new();
        let engine = open(&disk).unwrap();
        let filler = create(&engine, 1, 1);
        let places: Vec<_> = (2..42).map(|log| create(&engine, 1, log)).collect();
        // The engine has something to remember of each log besides its CLOSE.
        let first = |place: &Place| data(*place, "first").with_id(AppendId(7));
        let firsts = places.iter().map(first).collect();
        let answers = block_on(engine.append_many(firsts));
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        disk.set_faults(Faults {
            capacity_bytes: Some(capacity),
            ..Faults::default()
        });
        let mut is_closed = Vec::new();
        for places in places.chunks(4) {
            let pair = |place: &Place| [data(filler, vec![0; 3000]), close(*place, "end")];
            let answers = block_on(engine.append_many(places.iter().flat_map(pair).collect()));
            for answer in answers {
                let no_room = Err(AppendError::NotWritten(NotWritten::NoRoom));
                assert!(answer.is_ok() || answer == no_room, "{answer:?}");
                is_closed.push(answer.is_ok());
            }
        }
        let is_closed: Vec<bool> = is_closed.into_iter().skip(1).step_by(2).collect();
        refused_count += is_closed.iter().filter(|is_closed| !**is_closed).count();
        disk.set_faults(Faults::default());
        wait_until("room", || append_one(&engine, filler, "again").is_ok());
        let check = |engine: &LocalEngine| {
            for (place, is_closed) in places.iter().zip(&is_closed) {
                let answer = append_one(engine, *place, "behind");
                let closed = Err(AppendError::NotWritten(NotWritten::Closed));
                match is_closed {
                    true => assert_eq!(answer, closed, "{capacity}"),
                    false => assert!(answer.is_ok(), "{capacity}: {answer:?}"),
                }
            }
        };
        check(&engine);
        check(&open(&disk.after_power_cut(0)).unwrap());
    }
    assert!(
        refused_count > 0,
        "no CLOSE was in flight when the disk was full"
    );
}
