//! An engine that works only when it is told to: the simulations' one.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use millstream_log::{EngineStatus, GroupId, LogEngine, LogId, LogSpec};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{LocalEngine, LocalSettings};

use crate::folder::data;
use crate::workload::{TestClock, read_all, small_settings};

#[test]
fn nothing_happens_before_it_is_told_to_work() {
    let disk = PowerCutDisk::new();
    let settings = LocalSettings {
        hurry: Duration::ZERO,
        free_space_floor_bytes: 1 << 10,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    let opened = LocalEngine::open_stepped(Arc::new(disk.clone()), settings, clock);
    let (engine, mut stepper) = opened.unwrap();
    let before = disk.operations();
    let mut created = engine.create(GroupId(1), LogId(1), LogSpec::default());
    assert!((&mut created).now_or_never().is_none());
    assert_eq!(disk.operations(), before);
    stepper.work();
    let place = created.now_or_never().unwrap().unwrap();
    let mut appended = engine.append_many(vec![data(place, "one")]);
    assert!((&mut appended).now_or_never().is_none());
    assert!(read_all(&engine, place).is_empty());
    stepper.work();
    assert!(appended.now_or_never().unwrap()[0].is_ok());
    assert_eq!(read_all(&engine, place)[0].payload, "one");
    let after = disk.operations();
    stepper.work();
    assert_eq!(disk.operations(), after, "nothing is left to do");
    // What nobody tells it is seen when it looks.
    for (capacity_bytes, status) in [
        (Some(0), EngineStatus::NoRoom),
        (None, EngineStatus::Serving),
    ] {
        disk.set_faults(Faults {
            capacity_bytes,
            ..Faults::default()
        });
        stepper.work();
        assert_ne!(*engine.status().borrow(), status);
        stepper.look();
        assert_eq!(*engine.status().borrow(), status);
    }
    drop(stepper);
    assert!(block_on(engine.stop()).is_ok());
}
