//! Every stored type: round trip, frozen bytes, damage is noticed, no panic on any input.

use ::bytes::Bytes;
use millstream_log::{AppendId, EntryKind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::segment_header::SegmentKind;
use super::*;
use crate::durability::Durability;
use crate::pending::group::PendingEntry;
use crate::segments::frames::{Frames, FramesAt, plan_runs};
use crate::segments::index::SegmentIndex;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(group: u64, log: u64) -> LogKey {
    LogKey { group, log }
}

fn entry(log: LogKey, offset: u64, time: u64, payload: &'static [u8]) -> PendingEntry {
    PendingEntry {
        key: log,
        row: 0,
        offset,
        time,
        kind: EntryKind::Data,
        id: None,
        payload: Bytes::from_static(payload),
    }
}

/// Frames as one piece of bytes.
fn encode_frames(
    control_ops: &[ControlOp],
    entries: &mut [PendingEntry],
    at: FramesAt,
) -> (Vec<u8>, Frames) {
    let runs = plan_runs(control_ops.len(), entries);
    let mut frames = Frames::default();
    frames.encode(&runs, control_ops, entries, at);
    let bytes = frames
        .parts()
        .iter()
        .flat_map(|part| part.to_vec())
        .collect();
    (bytes, frames)
}

const AT: FramesAt = FramesAt {
    generation: 7,
    position: 64,
    next_lsn: 3,
    durable_lsn: 2,
};

#[test]
fn a_frame_has_these_bytes() {
    let mut entries = [
        entry(key(1, 2), 5, 1000, b"abc"),
        entry(key(1, 2), 6, 1002, b""),
    ];
    entries[1].kind = EntryKind::Close;
    entries[1].id = Some(AppendId(9));
    let (bytes, _) = encode_frames(&[ControlOp::Create(key(1, 2))], &mut entries, AT);
    assert_words(
        &bytes,
        &[
            "4d46524d",
            "?crc",
            "c8000000",
            "02000000",
            "0300000000000000",
            "0200000000000000",
            "?crc",
            "50000000",
            "0000000000000000",
            "0000000000000000",
            "0000000000000000",
            "0000000000000000",
            "01000000",
            "01000000",
            "0100000000000000",
            "0100000000000000",
            "0200000000000000",
            "0000000000000000",
            "?crc",
            "53000000",
            "0100000000000000",
            "0200000000000000",
            "0500000000000000",
            "e803000000000000",
            "02000000",
            "00000000",
            "03000000",
            "00000000",
            "616263",
            "000000c0",
            "02000000",
            "09000000000000000000000000000000",
            "0000000000",
        ],
    );
    assert_eq!(hex(&bytes[4..8]), "e13c2c14");
    assert_eq!(hex(&bytes[32..36]), "68ee2caa");
    assert_eq!(hex(&bytes[112..116]), "76538b86");
}

/// Compares with words of hex; `?crc` stands for any four bytes.
fn assert_words(bytes: &[u8], words: &[&str]) {
    let mut rest = bytes;
    for (index, word) in words.iter().enumerate() {
        let length = if *word == "?crc" { 4 } else { word.len() / 2 };
        let (found, behind) = rest.split_at(length);
        assert!(
            *word == "?crc" || hex(found) == *word,
            "word {index}: {} for {word}",
            hex(found)
        );
        rest = behind;
    }
    assert_eq!(rest, b"", "nothing follows");
}

#[test]
fn headers_have_these_bytes() {
    let segment = SegmentHeader {
        generation: 5,
        file_bytes: 1 << 20,
        kind: SegmentKind::Compacted,
    };
    assert_words(
        &segment.encode(),
        &[
            "4d494c4c53454700",
            "?crc",
            "01000000",
            "0500000000000000",
            "0000100000000000",
            "01",
            &"00".repeat(31),
        ],
    );
    let snapshot = SnapshotHeader { offset: 6 };
    assert_words(
        &snapshot.encode(b"abc"),
        &[
            "4d494c4c534e5000",
            "?crc",
            "01000000",
            "0600000000000000",
            "0300000000000000",
            "0000000000000000",
        ],
    );
    let mut op = Vec::new();
    ControlOp::Trim {
        key: key(1, 2),
        before: 3,
    }
    .encode(&mut op);
    assert_words(
        &op,
        &[
            "0400000000000000",
            "0100000000000000",
            "0200000000000000",
            "0300000000000000",
        ],
    );
}

#[test]
fn a_footer_has_these_bytes() {
    let mut entries = [entry(key(1, 2), 5, 1000, b"abc")];
    entries[0].id = Some(AppendId(9));
    let (_, frames) = encode_frames(&[], &mut entries, AT);
    let mut index = SegmentIndex::default();
    index.add_control_ops(&[ControlOp::DeleteGroup(4)]);
    frames.runs.iter().for_each(|run| index.add(run));
    let (bytes, trailer) = index.footer(7, 4096, 200, (3, 3));
    assert_words(
        &bytes,
        &[
            "0500000000000000",
            "e803000000000000",
            "0c000000",
            "4b000000",
            "0100000000000000",
            "0200000000000000",
            "0500000000000000",
            "0600000000000000",
            "e803000000000000",
            "e803000000000000",
            "00000000",
            "01000000",
            "?crc",
            "?crc",
            "0300000000000000",
            "0400000000000000",
            "0000000000000000",
            "0000000000000000",
            "00000000",
            "01000000",
            "09000000000000000000000000000000",
            "0500000000000000",
            "e803000000000000",
            "4d494c4c454e4400",
            "?crc",
            "01000000",
            "0700000000000000",
            "c800000000000000",
            "100f000000000000",
            "280f000000000000",
            "01000000",
            "01000000",
            "28000000",
            "?crc",
            "0300000000000000",
            "0300000000000000",
        ],
    );
    let end = bytes.len() - TRAILER_BYTES as usize;
    assert_eq!(Trailer::decode(&bytes[end..], 7, 4096), Some(trailer));
    assert_eq!(
        Trailer::decode(&bytes[end..], 8, 4096),
        None,
        "of another generation"
    );
    let tables = FooterTables::decode(&bytes[24..end], &trailer).unwrap();
    assert_eq!(tables.control_ops, [ControlOp::DeleteGroup(4)]);
    assert_eq!(tables.ids[0].ids[0].id, AppendId(9));
    let runs = decode_run_refs(&bytes[..24], &tables.directory[0]).unwrap();
    assert_eq!(runs, [frames.runs[0].run]);
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let numbers = (
        any::<u32>(),
        any::<u64>(),
        any::<bool>(),
        any::<bool>(),
        any::<u32>(),
    );
    let segment = (any::<u32>(), any::<bool>(), any::<u32>(), any::<[u64; 6]>());
    let ids = vec((any::<u128>(), any::<u64>(), any::<u64>()), 0..3);
    let log = (
        (any::<u64>(), any::<u64>()),
        (0..1u64 << 40, 0..1u64 << 40, any::<u64>(), any::<bool>()),
        vec((any::<u32>(), any::<u32>(), 0..1u64 << 40), 0..4),
        ids,
    );
    let deleted = vec((0..5u64, 0..9u64, any::<bool>()), 0..9);
    (
        numbers,
        vec(any::<u32>(), 0..4),
        vec(segment, 0..4),
        deleted,
        vec(log, 0..5),
    )
        .prop_map(
            |((next_number, covered_lsn, clean, os, epoch), unsealed, segments, deleted, logs)| {
                let mut tombstones = Tombstones::default();
                for (group, log, whole) in deleted {
                    if whole {
                        tombstones.add_group(group);
                    } else {
                        tombstones.add(LogKey { group, log });
                    }
                }
                Manifest {
                    next_number,
                    unsealed,
                    covered_lsn,
                    clean,
                    durability: if os {
                        Durability::Os
                    } else {
                        Durability::Fsync
                    },
                    epoch,
                    is_copy: epoch % 2 == 1,
                    segments: segments.into_iter().map(manifest_segment).collect(),
                    tombstones,
                    logs: logs.into_iter().map(manifest_log).collect(),
                }
            },
        )
}

fn manifest_segment(
    (number, compacted, directory_entries, places): (u32, bool, u32, [u64; 6]),
) -> ManifestSegment {
    ManifestSegment {
        number,
        kind: if compacted {
            SegmentKind::Compacted
        } else {
            SegmentKind::Appended
        },
        directory_entries,
        file_bytes: places[0],
        data_end: places[1],
        runs_start: places[2],
        directory_start: places[3],
        first_lsn: places[4],
        last_lsn: places[5],
    }
}

type LogParts = (
    (u64, u64),
    (u64, u64, u64, bool),
    Vec<(u32, u32, u64)>,
    Vec<(u128, u64, u64)>,
);

fn manifest_log(
    (id, (first, more, last_time, closed), mut segments, ids): LogParts,
) -> ManifestLog {
    segments.sort_by_key(|(_, _, first)| *first);
    ManifestLog {
        key: LogKey {
            group: id.0,
            log: id.1,
        },
        first,
        next: first + more,
        last_time,
        closed,
        segments,
        ids: ids
            .into_iter()
            .map(|(id, offset, time)| RecentId {
                id: AppendId(id),
                offset,
                time,
            })
            .collect(),
    }
}

fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    let mut logs = Vec::new();
    manifest.logs.iter().for_each(|log| log.encode(&mut logs));
    manifest.encode_with(&logs)
}

#[test]
fn a_manifest_of_a_later_version_is_named_as_such() {
    let manifest = Manifest {
        next_number: 1,
        unsealed: Vec::new(),
        covered_lsn: 0,
        clean: true,
        durability: Durability::Fsync,
        epoch: 0,
        is_copy: false,
        segments: Vec::new(),
        tombstones: Tombstones::default(),
        logs: Vec::new(),
    };
    let mut bytes = encode_manifest(&manifest);
    bytes[12] = 2;
    let crc = Checksum::new().with(&bytes[12..]).finish();
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    let error = Manifest::decode(&bytes).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
}

fn pending() -> impl Strategy<Value = Vec<PendingEntry>> {
    let one = (
        0..3u64,
        0..3u64,
        0..5000u64,
        any::<bool>(),
        any::<Option<u128>>(),
        0..2500usize,
    );
    vec(one, 0..40).prop_map(|entries| {
        let mut next = std::collections::HashMap::new();
        entries
            .into_iter()
            .map(|(group, log, time, close, id, length)| {
                let state = next.entry((group, log)).or_insert((group * 100, 0));
                let offset = state.0;
                state.0 += 1;
                state.1 += time;
                PendingEntry {
                    key: LogKey { group, log },
                    row: 0,
                    offset,
                    time: state.1,
                    kind: if close {
                        EntryKind::Close
                    } else {
                        EntryKind::Data
                    },
                    id: id.map(AppendId),
                    payload: Bytes::from(vec![length as u8; length * 10]),
                }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn frames_round_trip(mut entries in pending(), ops in 0..3u64) {
        let ops: Vec<ControlOp> = (0..ops).map(|log| ControlOp::Create(key(9, log))).collect();
        let (bytes, frames) = encode_frames(&ops, &mut entries, AT);
        prop_assert_eq!(bytes.len() as u64, frames.bytes());
        let (mut at, mut lsn) = (0, AT.next_lsn);
        let (mut found_ops, mut found) = (Vec::new(), Vec::new());
        while at < bytes.len() {
            let position = AT.position + at as u64;
            let header = FrameHeader::decode(&bytes[at..], 7, position).unwrap();
            prop_assert_eq!((header.lsn, header.durable_lsn), (lsn, 2));
            prop_assert!(FrameHeader::decode(&bytes[at..], 8, position).is_none());
            prop_assert!(FrameHeader::decode(&bytes[at..], 7, position + 8).is_none());
            let end = at + header.bytes as usize;
            at += FRAME_HEADER_BYTES;
            for _ in 0..header.runs {
                let run = RunHeader::decode(&bytes[at..end], 7, AT.position + at as u64).unwrap();
                let stored = &bytes[at..at + run.bytes as usize];
                match run.kind {
                    RunKind::Control => found_ops.extend(run.control_ops(stored).unwrap()),
                    RunKind::Data => {
                        for entry in run.entries(stored).unwrap() {
                            let entry = entry.unwrap();
                            let payload = stored[entry.payload].to_vec();
                            found.push((run.key, entry.offset, entry.time, entry.kind, entry.id, payload));
                        }
                    }
                }
                at += align(u64::from(run.bytes)) as usize;
            }
            prop_assert_eq!(at, end);
            lsn += 1;
        }
        let expected: Vec<_> = entries
            .iter()
            .map(|e| (e.key, e.offset, e.time, e.kind, e.id, e.payload.to_vec()))
            .collect();
        prop_assert_eq!(found_ops, ops);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_flipped_bit_of_a_run_is_noticed(mut entries in pending(), place: prop::sample::Index, bit in 0..8u32) {
        prop_assume!(!entries.is_empty());
        entries.truncate(3);
        let (mut bytes, frames) = encode_frames(&[], &mut entries, AT);
        let run = frames.runs[0].run;
        let start = (run.position() - AT.position) as usize;
        let place = start + place.index(run.bytes as usize);
        bytes[place] ^= 1u8 << bit;
        prop_assert!(RunHeader::decode(&bytes[start..], 7, run.position()).is_none());
    }

    #[test]
    fn manifests_round_trip(manifest in manifest(), place: prop::sample::Index, bit in 0..8u32) {
        let mut bytes = encode_manifest(&manifest);
        prop_assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
        let place = place.index(bytes.len());
        prop_assert!(Manifest::decode(&bytes[..place]).is_err());
        bytes[place] ^= 1u8 << bit;
        prop_assert!(Manifest::decode(&bytes).is_err());
    }

    #[test]
    fn headers_round_trip(generation: u64, file_bytes: u64, compacted: bool, offset: u64, state: Vec<u8>, place: prop::sample::Index, bit in 0..8u32) {
        let kind = if compacted { SegmentKind::Compacted } else { SegmentKind::Appended };
        let header = SegmentHeader { generation, file_bytes, kind };
        let mut bytes = header.encode();
        prop_assert_eq!(SegmentHeader::decode(&bytes), Some(header));
        bytes[place.index(bytes.len())] ^= 1u8 << bit;
        prop_assert_eq!(SegmentHeader::decode(&bytes), None);
        let header = SnapshotHeader { offset };
        let mut file = [&header.encode(&state)[..], &state].concat();
        prop_assert_eq!(SnapshotHeader::decode(&file), Some(header));
        let place = place.index(file.len());
        file[place] ^= 1u8 << bit;
        prop_assert_eq!(SnapshotHeader::decode(&file), None);
    }

    #[test]
    fn footers_round_trip(mut entries in pending(), spare in 0..100u64) {
        let (_, frames) = encode_frames(&[], &mut entries, AT);
        let mut index = SegmentIndex::default();
        let mut size = crate::segments::index::FooterSize::default();
        for run in &frames.runs {
            index.add(run);
            size.add_run(run.key, run.ids.len());
        }
        let data_end = AT.position + frames.bytes();
        let file_bytes = data_end + size.bytes() + spare * 8;
        let (bytes, trailer) = index.footer(7, file_bytes, data_end, (1, 2));
        prop_assert_eq!(bytes.len() as u64, size.bytes(), "the size is known before");
        let end = bytes.len() - TRAILER_BYTES as usize;
        prop_assert_eq!(Trailer::decode(&bytes[end..], 7, file_bytes), Some(trailer));
        let start = (trailer.directory_start - trailer.runs_start) as usize;
        let tables = FooterTables::decode(&bytes[start..end], &trailer).unwrap();
        for (entry, (key, stretch)) in tables.directory.iter().zip(index.directory()) {
            prop_assert_eq!(entry.key, key);
            let first = entry.first_run as usize * RUN_REF_BYTES as usize;
            let refs = &bytes[first..first + entry.runs as usize * RUN_REF_BYTES as usize];
            prop_assert_eq!(&decode_run_refs(refs, entry).unwrap(), &stretch.runs);
            prop_assert_eq!((entry.first_offset, entry.next_offset), (stretch.first_offset, stretch.next_offset));
        }
    }

    #[test]
    fn nothing_panics_on_random_bytes(bytes: Vec<u8>, crc_fixed: bool, entries in 0..5u32) {
        let mut bytes = bytes;
        if crc_fixed && bytes.len() > 24 {
            // Lets the decoder of the body see what it is given.
            bytes[..8].copy_from_slice(b"MILLMAN\0");
            bytes[12..16].copy_from_slice(&1u32.to_le_bytes());
            let length = bytes.len() as u64 - 24;
            bytes[16..24].copy_from_slice(&length.to_le_bytes());
            let crc = Checksum::new().with(&bytes[12..]).finish();
            bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        }
        drop(Manifest::decode(&bytes));
        SegmentHeader::decode(&bytes);
        SnapshotHeader::decode(&bytes);
        FrameHeader::decode(&bytes, 1, 64);
        DirectoryEntry::decode(&bytes, 1, 64);
        Trailer::decode(&bytes, 1, bytes.len() as u64);
        if let Some(header) = RunHeader::decode(&bytes, 1, 64) {
            header.entries(&bytes).into_iter().flatten().for_each(drop);
        }
        let trailer = Trailer {
            generation: 1, data_end: 0, runs_start: 0, directory_start: 0, directory_entries: 0,
            control_ops: entries, ids_bytes: 0, tables_crc: Checksum::new().with(&bytes).finish(),
            first_lsn: 0, last_lsn: 0,
        };
        FooterTables::decode(&bytes, &trailer);
    }
}
