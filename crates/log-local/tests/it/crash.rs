//! A power cut at every operation.

use std::io::Write as _;

use futures::executor::block_on;
use millstream_log::SnapshotStore;
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};

use crate::workload::{Model, cases, open, run};

const STEPS: u64 = 120;

fn cut_at(operation: u64) -> Faults {
    Faults {
        power_cut_at: Some(operation),
        ..Faults::default()
    }
}

/// Opens an image, checks it, and checks that a second opening finds the same.
fn check_image(model: &Model, image: &PowerCutDisk, context: &str) {
    let engine = open(image).unwrap_or_else(|error| panic!("{context}: {error}"));
    model.check(&engine);
    let found = model.dump(&engine);
    let snapshots = block_on(engine.snapshots().unwrap().load()).unwrap();
    drop(engine);
    // Nothing was synced by whoever looked, but what recovery itself relies on.
    let again = image.after_power_cut(0);
    let engine = open(&again).unwrap_or_else(|error| panic!("{context}, again: {error}"));
    assert_eq!(
        model.dump(&engine),
        found,
        "{context}: the second recovery differs"
    );
    let again = block_on(engine.snapshots().unwrap().load()).unwrap();
    assert_eq!(
        again, snapshots,
        "{context}: a snapshot that was seen is gone"
    );
    model.check_goes_on(&engine);
}

#[test]
fn every_image_of_a_power_cut_recovers() {
    let (mut images, mut cuts) = (0, 0);
    let mut housekeeping = [0; 3];
    for seed in 0..cases(6) {
        let whole = PowerCutDisk::new();
        let model = run(&whole, seed, STEPS);
        check_image(&model, &whole.after_power_cut(0), &format!("seed {seed}"));
        let operations = whole.operations();
        for (sum, more) in housekeeping.iter_mut().zip(model.housekeeping) {
            *sum += more;
        }
        for operation in 1..=operations {
            let disk = PowerCutDisk::new();
            disk.set_faults(cut_at(operation));
            let model = run(&disk, seed, STEPS);
            cuts += 1;
            let random = 2 + seed * 1_000_003 + operation * 31;
            // Killed, not cut: a start sees what is not durable yet, and a power cut right after must not take it back.
            let context = format!("seed {seed}, killed at {operation}, then a power cut");
            check_image(&model, &disk.after_kill(), &context);
            images += 1;
            for image_seed in [operation % 2, random, random + 1] {
                let context = format!("seed {seed}, cut at {operation}, image {image_seed}");
                check_image(&model, &disk.after_power_cut(image_seed), &context);
                images += 1;
            }
        }
    }
    let [sealed, compacted, removed] = housekeeping;
    // Past the test harness, which keeps what passing tests print.
    writeln!(
        std::io::stdout(),
        "{cuts} power cuts, {images} images; sealed {sealed}, compacted {compacted}, removed {removed}"
    )
    .unwrap();
    // How much the background threads did depends on the machine.
    assert!(images > 0 && sealed > 0);
}

#[test]
fn a_power_cut_during_recovery_recovers() {
    let mut cuts = 0;
    for seed in 0..cases(4) {
        let disk = PowerCutDisk::new();
        disk.set_faults(cut_at(200 + seed * 37));
        let model = run(&disk, seed, STEPS);
        for first in [1, 100 + seed, 200 + seed] {
            let image = disk.after_power_cut(first);
            for operation in 1..40 {
                let image = image.after_power_cut(0);
                image.set_faults(cut_at(operation));
                drop(open(&image));
                let context = format!("seed {seed}, image {first}, cut again at {operation}");
                check_image(&model, &image.after_power_cut(operation + 7), &context);
                cuts += 1;
            }
        }
    }
    writeln!(std::io::stdout(), "{cuts} power cuts during recovery").unwrap();
    assert!(cuts > 0);
}
