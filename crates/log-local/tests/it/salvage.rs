//! Every kind of damage to every kind of file ends in a folder that an engine runs on, with everything that is whole in
//! it and the rest declared.

use std::sync::Arc;

use futures::executor::block_on;
use millstream_log::LogEngine;
use millstream_log_local::disk::Disk;
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{Loss, Repair, Salvage};
use millstream_types::TimestampMs;

use crate::workload::{Model, Rng, cases, open, run};

fn read(disk: &PowerCutDisk) -> Salvage {
    Salvage::read_on(Arc::new(disk.clone()), &mut |_, _| ()).unwrap()
}

fn repair(disk: &PowerCutDisk) -> (Vec<Loss>, bool) {
    let salvage = read(disk);
    let told = (salvage.losses().to_vec(), salvage.is_end_unknown());
    let repair = Repair {
        kept_in: "repaired".into(),
        logs: Vec::new(),
        snapshot: None,
        now: TimestampMs(1_800_000_000_000),
    };
    salvage.repair(repair).unwrap();
    told
}

/// A disk with a workload on it that ended cleanly, or by a kill.
fn disk(seed: u64) -> (Model, PowerCutDisk) {
    let disk = PowerCutDisk::new();
    let model = run(&disk, seed, 120);
    let image = disk.after_power_cut(0);
    if seed.is_multiple_of(2) {
        let engine = open(&image).unwrap();
        block_on(engine.stop()).unwrap();
    }
    (model, image)
}

#[test]
fn a_sound_folder_has_nothing_to_be_found_and_a_repair_changes_nothing_that_is_read() {
    for seed in 0..cases(20) {
        let (model, image) = disk(seed);
        let salvage = read(&image);
        assert!(
            salvage.findings().is_empty(),
            "seed {seed}: {:?}",
            salvage.findings()
        );
        assert!(
            salvage.losses().is_empty(),
            "seed {seed}: {:?}",
            salvage.losses()
        );
        drop(salvage);
        let untouched = image.after_power_cut(0);
        let expected = model.dump(&open(&untouched).unwrap());
        repair(&image);
        let engine = open(&image).unwrap();
        assert_eq!(model.dump(&engine), expected, "seed {seed}");
        model.check_goes_on(&engine);
    }
}

#[test]
fn a_folder_without_a_whole_manifest_loses_nothing() {
    for seed in 0..cases(20) {
        let (model, sound) = disk(seed);
        let length = sound.contents("manifest").unwrap().len();
        for damage in 0..4 {
            let image = sound.after_power_cut(0);
            match damage {
                0 => image.damage("manifest", Rng(seed).below(length as u64) as usize, 0x10),
                1 => image.place("manifest", Vec::new()),
                2 => image.place(
                    "manifest",
                    image.contents("manifest").unwrap()[..length / 2].to_vec(),
                ),
                _ => image.unlink("manifest").unwrap(),
            }
            assert!(open(&image).is_err() || read(&image).segments() == 0);
            let (losses, is_end_unknown) = repair(&image);
            let engine = open(&image).unwrap();
            let lost = model.check_repaired(&engine, &losses, is_end_unknown);
            assert_eq!(lost, 0, "seed {seed}, damage {damage}");
        }
    }
}

#[test]
fn whatever_is_damaged_is_declared_and_the_rest_is_served() {
    let (mut refused, mut lossy, mut lost) = (0, 0, 0);
    for seed in 0..cases(12) {
        // After a clean end: the last group before another kind of end cannot be told from one that was cut.
        let (model, sound) = disk(seed * 2);
        let mut rng = Rng(seed);
        let paths: Vec<String> = sound.paths();
        for case in 0..40 {
            let image = sound.after_power_cut(0);
            for _ in 0..=rng.below(2) {
                let path = &paths[rng.below(paths.len() as u64) as usize];
                let Some(contents) = image.contents(path).filter(|all| !all.is_empty()) else {
                    continue;
                };
                let position = rng.below(contents.len() as u64) as usize;
                match rng.below(6) {
                    0 => image.unlink(path).unwrap(),
                    1 => image.place(path, contents[..position].to_vec()),
                    _ => image.damage(path, position, 1 << rng.below(8)),
                }
            }
            refused += usize::from(open(&image).is_err());
            let (losses, is_end_unknown) = repair(&image);
            let engine = open(&image).unwrap_or_else(|error| panic!("{seed}/{case}: {error}"));
            let missing = model.check_repaired(&engine, &losses, is_end_unknown);
            lossy += usize::from(missing > 0);
            lost += missing;
            drop(engine);
            let again = read(&image);
            assert!(
                again.findings().is_empty(),
                "{seed}/{case}: {:?}",
                again.findings()
            );
        }
    }
    println!("{refused} starts refused; {lossy} folders lost {lost} entries, all declared");
    assert!(refused > 0 && lossy > 0);
}
