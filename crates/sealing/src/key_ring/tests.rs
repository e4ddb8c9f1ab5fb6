use std::os::unix::fs::MetadataExt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;

const ONE: GroupId = GroupId(1);
const TWO: GroupId = GroupId(2);

fn master(byte: u8) -> MasterKey {
    MasterKey::from_base64(&BASE64_STANDARD.encode([byte; 32])).unwrap()
}

fn open(folder: &Path, byte: u8, before: Option<u8>) -> Result<Arc<KeyRing>, KeyRingError> {
    let before = before.map(master);
    KeyRing::open(Some(folder.to_owned()), master(byte), before.as_ref()).map(Arc::new)
}

type Sealed = (u32, Vec<u8>);

fn sealed(key: Option<Arc<DataKey>>) -> Sealed {
    let key = key.unwrap();
    let mut bytes = b"a secret".to_vec();
    key.seal(&mut bytes, 0, b"");
    (key.id(), bytes)
}

fn opens(ring: &KeyRing, (id, bytes): &Sealed) -> bool {
    let key = ring.by_id(*id);
    key.is_some_and(|key| key.open(bytes, 0, b"").as_deref() == Ok(b"a secret"))
}

#[test]
fn keys_outlive_the_process_and_their_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let ring = open(folder.path(), 1, None).unwrap();
    assert!(ring.of(ONE).is_none());
    ring.begin_epoch(ONE).unwrap();
    let first = sealed(ring.of(ONE));
    ring.begin_epoch(TWO).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let second = sealed(ring.of(ONE));
    let all = [first, second, sealed(ring.of(TWO)), sealed(ring.own())];
    let ids: BTreeSet<u32> = all.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), all.len());
    let file = folder.path().join(FILE);
    assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    drop(ring);
    let again = open(folder.path(), 1, None).unwrap();
    assert!(all.iter().all(|sealed| opens(&again, sealed)));
    assert_eq!(again.of(ONE).unwrap().id(), all[1].0);
    let read = KeyRing::read_only(folder.path(), Some(&master(1))).unwrap();
    assert!(
        all.iter()
            .all(|sealed| opens(read.as_ref().unwrap(), sealed))
    );
}

#[test]
fn a_new_master_key_opens_everything_and_brings_new_data_keys_and_the_old_one_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ring = open(folder, 1, None).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let before = [sealed(ring.of(ONE)), sealed(ring.own())];
    drop(ring);
    let ring = open(folder, 9, Some(1)).unwrap();
    let after = [sealed(ring.of(ONE)), sealed(ring.own())];
    for (before, after) in before.iter().zip(&after) {
        assert!(opens(&ring, before) && opens(&ring, after) && before.0 != after.0);
    }
    drop(ring);
    // Given again, and then alone: nothing is left to do.
    for given in [Some(1), None] {
        let file = fs::read(folder.join(FILE)).unwrap();
        let ring = open(folder, 9, given).unwrap();
        assert!(
            before
                .iter()
                .chain(&after)
                .all(|sealed| opens(&ring, sealed))
        );
        assert_eq!(fs::read(folder.join(FILE)).unwrap(), file);
    }
    let old = open(folder, 1, None).unwrap_err();
    assert!(old.to_string().contains(&master(9).id()), "{old}");
    assert!(old.to_string().contains(&master(1).id()), "{old}");
    let neither = open(folder, 3, Some(1)).unwrap_err();
    assert!(neither.to_string().contains(&master(9).id()), "{neither}");
}

#[test]
fn a_stream_that_is_gone_takes_its_keys_with_it_and_no_id_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let ring = open(folder.path(), 1, None).unwrap();
    ring.begin_epoch(TWO).unwrap();
    ring.begin_epoch(ONE).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let (gone, kept) = (
        sealed(ring.of(ONE)),
        [sealed(ring.of(TWO)), sealed(ring.own())],
    );
    ring.forget(ONE).unwrap();
    ring.forget(ONE).unwrap();
    let again = open(folder.path(), 1, None).unwrap();
    for ring in [&ring, &again] {
        assert!(!opens(ring, &gone) && ring.of(ONE).is_none());
        assert!(kept.iter().all(|sealed| opens(ring, sealed)));
    }
    again.begin_epoch(ONE).unwrap();
    assert!(again.of(ONE).unwrap().id() > gone.0);
}

/// What a crash leaves at any point of a change: the file before, and a part of the one after; or the one after.
#[test]
fn a_crash_at_any_point_of_a_change_loses_no_key_that_anything_was_sealed_with() {
    let changes: [fn(&Path); 4] = [
        |folder| drop(open(folder, 1, None).unwrap()),
        |folder| open(folder, 1, None).unwrap().begin_epoch(ONE).unwrap(),
        |folder| open(folder, 1, None).unwrap().forget(TWO).unwrap(),
        |folder| drop(open(folder, 9, Some(1)).unwrap()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (file, aside) = (folder.join(FILE), folder.join("keys.new"));
        let mut used = Vec::new();
        // The first change is the first of all.
        if number > 0 {
            let ring = open(folder, 1, None).unwrap();
            ring.begin_epoch(ONE).unwrap();
            used = vec![sealed(ring.of(ONE)), sealed(ring.own())];
            ring.begin_epoch(TWO).unwrap();
        }
        let before = fs::read(&file).ok();
        change(folder);
        let after = fs::read(&file).unwrap();
        let parts = (0..=after.len())
            .step_by(41)
            .map(|length| (&before, Some(&after[..length])));
        let after = Some(after.clone());
        for (whole, part) in parts.chain([(&before, None), (&after, None)]) {
            for (path, bytes) in [(&file, whole.as_deref()), (&aside, part)] {
                match bytes {
                    Some(bytes) => fs::write(path, bytes).unwrap(),
                    None => drop(fs::remove_file(path)),
                }
            }
            // The operator still gives both master keys.
            let ring = match number {
                3 => open(folder, 9, Some(1)),
                _ => open(folder, 1, None),
            };
            let ring = ring.unwrap();
            assert!(
                used.iter().all(|sealed| opens(&ring, sealed)),
                "change {number}"
            );
            ring.begin_epoch(ONE).unwrap();
            assert!(!aside.exists());
        }
    }
}

#[test]
fn a_change_that_cannot_be_written_leaves_the_key_before_and_is_done_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let ring = open(folder.path(), 1, None).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let before = ring.of(ONE).unwrap().id();
    let aside = folder.path().join("keys.new");
    fs::create_dir(&aside).unwrap();
    let refused = [ring.begin_epoch(ONE), ring.forget(ONE)];
    assert!(
        refused
            .iter()
            .all(|done| matches!(done, Err(KeyRingError::Folder { .. })))
    );
    assert_eq!(ring.of(ONE).unwrap().id(), before);
    fs::remove_dir(&aside).unwrap();
    ring.begin_epoch(ONE).unwrap();
    assert_ne!(ring.of(ONE).unwrap().id(), before);
}

#[test]
fn a_worn_key_is_followed_by_the_next_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let ring = open(folder.path(), 1, None).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let worn = [ring.own().unwrap(), ring.of(ONE).unwrap()];
    worn.iter().for_each(|key| key.wear_out());
    assert_eq!(
        [ring.own().unwrap().id(), ring.of(ONE).unwrap().id()],
        [worn[0].id(), worn[1].id()]
    );
    // It is made by a thread; a change waits for the one that is under way.
    let newest = || [ring.own().unwrap().id(), ring.of(ONE).unwrap().id()];
    while newest()[0] == worn[0].id() || newest()[1] == worn[1].id() {
        thread::yield_now();
    }
    assert!(ring.by_id(worn[0].id()).is_some() && ring.by_id(worn[1].id()).is_some());
}

#[test]
fn a_closed_ring_opens_and_seals_and_changes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let ring = open(folder.path(), 1, None).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let before = sealed(ring.of(ONE));
    let file = fs::read(folder.path().join(FILE)).unwrap();
    ring.close();
    for refused in [ring.begin_epoch(ONE), ring.forget(ONE)] {
        assert!(matches!(refused, Err(KeyRingError::Closed)));
    }
    assert!(opens(&ring, &before) && opens(&ring, &sealed(ring.own())));
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), file);
}

/// A backup's keys are those of its moment.
#[test]
fn no_key_comes_or_goes_while_somebody_holds_them() {
    let folder = tempfile::tempdir().unwrap();
    let ring = open(folder.path(), 1, None).unwrap();
    ring.begin_epoch(ONE).unwrap();
    let file = fs::read(folder.path().join(FILE)).unwrap();
    thread::scope(|scope| {
        let (held, other) = ring
            .while_unchanged(|| scope.spawn(|| ring.forget(ONE).unwrap()))
            .unwrap();
        assert_eq!(other, file);
        held.join().unwrap();
    });
    assert_ne!(fs::read(folder.path().join(FILE)).unwrap(), file);
}

#[test]
fn a_folder_that_needs_a_master_key_names_it_and_one_that_does_not_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(KeyRing::refuse_encrypted(folder.path()).is_ok());
    assert!(KeyRing::read_only(folder.path(), None).unwrap().is_none());
    assert!(
        KeyRing::read_only(folder.path(), Some(&master(1)))
            .unwrap()
            .is_none()
    );
    assert!(!KeyRing::is_in(folder.path()).unwrap());
    drop(open(folder.path(), 1, None).unwrap());
    assert!(KeyRing::is_in(folder.path()).unwrap());
    let refused = [
        KeyRing::refuse_encrypted(folder.path()).unwrap_err(),
        KeyRing::read_only(folder.path(), None).unwrap_err(),
        KeyRing::read_only(folder.path(), Some(&master(2))).unwrap_err(),
    ];
    for refused in refused {
        let text = refused.to_string();
        assert!(
            text.contains(&master(1).id()) && text.contains("--master-key"),
            "{text}"
        );
    }
}

#[test]
fn a_damaged_file_is_named_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), 1, None).unwrap());
    let path = folder.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, &bytes).unwrap();
    for refused in [
        open(folder.path(), 1, None).unwrap_err(),
        open(folder.path(), 9, Some(1)).unwrap_err(),
        KeyRing::refuse_encrypted(folder.path()).unwrap_err(),
    ] {
        assert!(matches!(refused, KeyRingError::Damaged(_)), "{refused}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
