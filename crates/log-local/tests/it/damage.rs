//! Bits flip anywhere: nothing wrong is ever served, and what is not served is named.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{LogEngine, ReadFrom, ReadOutcome};
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{LocalEngine, LocalSettings, OpenError};

use crate::folder::{append_one, create, has_entries};
use crate::workload::{Model, Rng, TestClock, cases, open, run, small_settings};

/// A disk with a workload on it, stopped or not.
fn disk(seed: u64) -> (Model, PowerCutDisk) {
    let disk = PowerCutDisk::new();
    let model = run(&disk, seed, 120);
    (model, disk.after_power_cut(0))
}

#[test]
fn a_flipped_bit_is_never_served() {
    let (mut refused, mut unreadable, mut harmless) = (0, 0, 0);
    for seed in 0..cases(12) {
        let (model, sound) = disk(seed);
        let mut rng = Rng(seed);
        for _ in 0..40 {
            let paths = sound.paths();
            let paths: Vec<&String> = paths.iter().filter(|path| !path.contains("snap")).collect();
            let path = paths[rng.below(paths.len() as u64) as usize];
            let length = sound.contents(path).unwrap().len() as u64;
            if length == 0 {
                continue;
            }
            let damaged = sound.after_power_cut(0);
            let position = rng.below(length) as usize;
            damaged.damage(path, position, 1 << rng.below(8));
            match open(&damaged) {
                Err(OpenError::Damaged { file, .. }) => {
                    assert!(sound.contents(&file).is_some(), "{file} is named");
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
                Ok(engine) => match model.check_damaged(&engine) {
                    0 => harmless += 1,
                    _ => unreadable += 1,
                },
            }
        }
    }
    println!("{refused} starts refused, {unreadable} with unreadable logs, {harmless} harmless");
    assert!(refused > 0 && unreadable > 0 && harmless > 0);
}

/// A run of a sealed segment is damaged: the read says where, other logs are not affected.
#[test]
fn a_damaged_run_of_a_sealed_segment_names_file_and_position() {
    let (model, sound) = disk(3);
    let engine = open(&sound).unwrap();
    block_on(engine.stop()).unwrap();
    drop(engine);
    let segments: Vec<String> = sound
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".seg"))
        .collect();
    let mut found = 0;
    for path in segments {
        let damaged = sound.after_power_cut(1);
        damaged.damage(&path, 64 + 32 + 60, 0x10);
        let engine = open(&damaged).unwrap();
        for place in model.places() {
            let Ok(bounds) = block_on(engine.bounds(place)) else {
                continue;
            };
            let mut from = bounds.first;
            loop {
                let read = ReadFrom {
                    place,
                    from,
                    bytes_max: 1 << 20,
                };
                match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
                    ReadOutcome::Entries { entries, .. } => match entries.last() {
                        Some(last) => from = last.offset + 1,
                        None => break,
                    },
                    ReadOutcome::Unreadable { reason, .. } => {
                        assert!(reason.starts_with(path.as_str()), "{reason}");
                        assert!(reason.contains("at byte "), "{reason}");
                        found += 1;
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(found > 0);
}

/// A frame in the middle of the last segment is damaged, and a later one shows that it had been durable.
#[test]
fn damage_below_a_durable_frame_refuses_the_start() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let append = crate::folder::append_one;
    let place = crate::folder::create(&engine, 1, 1);
    for payload in ["first", "second", "third"] {
        append(&engine, place, payload).unwrap();
    }
    let path = crate::folder::written_segment(&disk);
    // The engine is not stopped: its segment is not sealed.
    let image = disk.after_power_cut(0);
    let contents = image.contents(&path).unwrap();
    let place_of = |word: &[u8]| {
        contents
            .windows(word.len())
            .position(|window| window == word)
    };
    let second = place_of(b"second").unwrap();
    image.damage(&path, second, 1);
    match open(&image) {
        Err(OpenError::Damaged { file, position, .. }) => {
            assert_eq!(file, path);
            assert!(position < second as u64 && second as u64 - position < 200);
        }
        other => panic!("{other:?}"),
    }
    // The very last frame cannot be told from one that was never finished.
    let image = disk.after_power_cut(0);
    image.damage(&path, place_of(b"third").unwrap(), 1);
    let engine = open(&image).unwrap();
    assert_eq!(block_on(engine.bounds(place)).unwrap().next, 2);
}

/// A sealed segment that the manifest does not list has lost its footer: its frames say the same.
#[test]
fn a_lost_footer_is_made_again_from_the_frames() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let place = crate::folder::create(&engine, 1, 1);
    let manifest = disk.contents("manifest").unwrap();
    for number in 0..30 {
        let payload = format!("{number:0>1000}");
        crate::folder::append_one(&engine, place, &payload).unwrap();
    }
    block_on(engine.stop()).unwrap();
    drop(engine);
    let read = |disk: &PowerCutDisk| {
        let engine = open(disk)?;
        Ok::<_, OpenError>(crate::workload::read_all(&engine, place))
    };
    let with_old_manifest = || {
        let image = disk.after_power_cut(1);
        image.place("manifest", manifest.clone());
        image
    };
    let whole = read(&with_old_manifest()).unwrap();
    assert_eq!(whole.len(), 30);
    let segments: Vec<String> = disk
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".seg"))
        .filter(|path| crate::folder::has_entries(&disk, path))
        .collect();
    assert!(segments.len() >= 2);
    for path in &segments {
        let image = with_old_manifest();
        let length = image.contents(path).unwrap().len();
        image.damage(path, length - 1, 1);
        assert_eq!(read(&image).unwrap(), whole);
        // Without frames and without a footer it cannot be made again, unless it is the last one.
        let image = with_old_manifest();
        image.damage(path, length - 1, 1);
        image.damage(path, 64 + 100, 1);
        let refused = matches!(read(&image), Err(OpenError::Damaged { file, .. }) if file == *path);
        assert!(refused, "{path}");
    }
}

/// The number of the first frame of a segment.
fn first_lsn(disk: &PowerCutDisk, path: &str) -> u64 {
    let contents = disk.contents(path).unwrap();
    u64::from_le_bytes(contents[80..88].try_into().unwrap())
}

/// A segment that is newer than the manifest is gone, with its neighbours on both sides still there.
#[test]
fn frames_that_are_missing_between_two_segments_refuse_the_start() {
    let disk = PowerCutDisk::new();
    let first_manifest = {
        let settings = LocalSettings {
            compaction_bytes_per_s: 0,
            ..small_settings()
        };
        let clock = Arc::new(TestClock::default());
        let engine = LocalEngine::open_on(Arc::new(disk.clone()), settings, clock).unwrap();
        let place = create(&engine, 1, 1);
        let manifest = disk.contents("manifest").unwrap();
        for number in 0..60 {
            append_one(&engine, place, &format!("{number:0>900}")).unwrap();
        }
        manifest
    };
    let mut written: Vec<String> = disk
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".seg") && has_entries(&disk, path))
        .collect();
    // Segments are numbered when they are prepared, and need not be used in that order: frames tell which came first.
    written.sort_by_key(|path| first_lsn(&disk, path));
    assert!(written.len() >= 3, "{written:?}");
    let without = |missing: Option<&String>| {
        let rest = PowerCutDisk::new();
        rest.place("manifest", first_manifest.clone());
        for path in written.iter().filter(|path| Some(*path) != missing) {
            rest.place(path, disk.contents(path).unwrap());
        }
        rest
    };
    drop(open(&without(None)).unwrap());
    for (place, missing) in written.iter().enumerate().take(written.len() - 1) {
        match open(&without(Some(missing))).unwrap_err() {
            OpenError::Damaged { file, what, .. } => {
                assert_eq!(
                    file,
                    written[place + 1],
                    "what comes behind the gap is named"
                );
                assert!(what.contains("are missing before this segment"), "{what}");
            }
            other => panic!("{other}"),
        }
    }
}

/// One run of many is damaged: a reader gets all before it, is told where it can go on, and gets all behind it.
#[test]
fn a_reader_goes_around_a_damaged_run() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let place = create(&engine, 1, 1);
    for number in 0..60u64 {
        append_one(&engine, place, &format!("{number:0>500}")).unwrap();
    }
    block_on(engine.stop()).unwrap();
    drop(engine);
    let needle = format!("{:0>500}", 7);
    let find = |path: &String| {
        let contents = disk.contents(path).unwrap();
        contents
            .windows(needle.len())
            .position(|bytes| bytes == needle.as_bytes())
    };
    let paths = disk.paths();
    let (path, position) = paths
        .iter()
        .find_map(|path| Some((path, find(path)?)))
        .unwrap();
    disk.damage(path, position, 1);
    let engine = open(&disk).unwrap();
    let read = |from| {
        let read = ReadFrom {
            place,
            from,
            bytes_max: 1 << 20,
        };
        block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0)
    };
    let mut seen: Vec<u64> = Vec::new();
    let (mut from, mut skipped) = (0, Vec::new());
    while from < 60 {
        match read(from) {
            ReadOutcome::Entries { entries, .. } => {
                seen.extend(entries.iter().map(|entry| entry.offset));
                from = entries.last().unwrap().offset + 1;
            }
            ReadOutcome::Unreadable { reason, next } => {
                assert!(reason.contains(path.as_str()), "{reason}");
                skipped.push((from, next.unwrap()));
                from = next.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(skipped, [(7, 8)], "one append is one run here");
    let expected: Vec<u64> = (0..60).filter(|offset| *offset != 7).collect();
    assert_eq!(seen, expected);
}
