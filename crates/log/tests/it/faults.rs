//! The suite finds engines that break the contract: each fault below makes the cases that should see it fail.

mod engine;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millstream_log::contract::{self, Subject, Trial, run, run_random};
use millstream_log::{MemoryEngine, MemorySettings};
use millstream_types::WallClock;

use engine::{Fault, Faulty};

async fn sound(clock: Arc<dyn WallClock>) -> Subject {
    Subject::new(Arc::new(MemoryEngine::new(
        MemorySettings::default(),
        clock,
    )))
    .with_paused_time()
}

fn fails(test: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(test)).is_err()
}

/// The case passes on a sound engine and fails on the faulty one.
fn finds(fault: Fault, case: impl AsyncFn(&mut Trial)) {
    run(sound, async |trial: &mut Trial| case(trial).await);
    let factory = async |clock: Arc<dyn WallClock>| {
        Subject::new(Arc::new(Faulty::new(fault, clock))).with_paused_time()
    };
    assert!(fails(|| run(factory, case)), "{fault:?} passes");
}

fn random_case_finds(fault: Fault) {
    let factory = async |clock: Arc<dyn WallClock>| {
        Subject::new(Arc::new(Faulty::new(fault, clock))).with_paused_time()
    };
    let may_not_reopen = contract::random::operations_agree_with_a_model;
    assert!(
        fails(|| run_random(factory, may_not_reopen)),
        "{fault:?} passes"
    );
}

#[test]
fn lost_and_doubled_entries_are_found() {
    finds(
        Fault::AcknowledgesWithoutWriting,
        contract::durability::an_answered_entry_is_there_at_once,
    );
    finds(
        Fault::WritesTwice,
        contract::dense::offsets_are_dense_from_zero,
    );
    finds(
        Fault::ChangesLongPayloads,
        contract::durability::payloads_come_back_whole,
    );
}

#[test]
fn disorder_is_found() {
    finds(
        Fault::ReversesCalls,
        contract::order::entries_of_one_call_keep_their_order,
    );
    finds(
        Fault::ReversesCalls,
        contract::order::one_call_serves_several_logs,
    );
    finds(
        Fault::SubmitsWhenPolled,
        contract::order::the_call_decides_not_the_poll,
    );
    finds(
        Fault::SubmitsWhenPolled,
        contract::dropped::dropped_appends_are_written_in_order,
    );
}

#[test]
fn forgotten_ids_and_closes_are_found() {
    finds(
        Fault::ForgetsIds,
        contract::append_id::the_same_id_is_written_once,
    );
    finds(
        Fault::ForgetsIds,
        contract::append_id::the_same_id_in_flight_is_written_once,
    );
    finds(
        Fault::ForgetsIds,
        contract::append_id::ids_outlive_close_and_trim,
    );
    finds(
        Fault::ForgetsCloses,
        contract::close::nothing_follows_a_close,
    );
    finds(Fault::ForgetsCloses, contract::close::the_first_close_wins);
    finds(Fault::ForgetsCloses, contract::reads::kinds_are_kept);
}

#[test]
fn wrong_offsets_and_times_are_found() {
    finds(Fault::LooksUpLate, contract::time::look_ups_are_never_late);
    finds(
        Fault::TrimsTooMuch,
        contract::trim::trim_keeps_what_stands_above,
    );
    finds(Fault::AnswersOtherTimes, contract::time::times_never_fall);
    finds(
        Fault::BarrierTooLow,
        contract::barrier::a_barrier_covers_what_was_answered,
    );
    finds(
        Fault::BarrierTooHigh,
        contract::barrier::a_barrier_covers_what_was_answered,
    );
}

#[test]
fn wrong_pages_are_found() {
    finds(
        Fault::IgnoresPageLimit,
        contract::reads::a_page_holds_at_least_one_entry,
    );
    finds(
        Fault::GivesEmptyPages,
        contract::reads::a_page_holds_at_least_one_entry,
    );
    finds(
        Fault::ShowsNextTooHigh,
        contract::bounds::a_new_log_is_empty,
    );
}

#[test]
fn reads_that_do_not_wait_or_wake_are_found() {
    finds(
        Fault::NeverWakes,
        contract::waiting::an_append_wakes_the_read,
    );
    finds(Fault::NeverWakes, contract::waiting::a_delete_ends_the_read);
    finds(Fault::NeverWakes, contract::stop::stop_ends_waiting_reads);
    finds(
        Fault::NeverWaits,
        contract::waiting::the_deadline_ends_the_read,
    );
    finds(
        Fault::NeverWaits,
        contract::waiting::other_logs_do_not_wake_the_read,
    );
}

#[test]
fn what_should_be_gone_or_stopped_is_found() {
    finds(Fault::KeepsDeleted, contract::delete::a_deleted_log_is_gone);
    finds(
        Fault::KeepsDeleted,
        contract::delete::a_deleted_log_is_not_created_again,
    );
    finds(
        Fault::KeepsDeletedGroups,
        contract::delete::a_deleted_group_is_gone,
    );
    finds(
        Fault::NeverStops,
        contract::stop::nothing_is_written_after_stop,
    );
}

#[test]
fn wrong_words_of_an_engine_about_itself_are_found() {
    let little_room = async |clock: Arc<dyn WallClock>| {
        let settings = MemorySettings {
            bytes_max: 1 << 20,
            ..MemorySettings::default()
        };
        let faulty = Faulty::with_settings(Fault::HidesWantOfRoom, settings, clock);
        Subject::new(Arc::new(faulty)).with_paused_time()
    };
    let want_of_room = contract::status::want_of_room_is_told_and_passes;
    assert!(fails(|| run(little_room, want_of_room)));
    finds(
        Fault::ForgetsWhatItCounted,
        contract::status::what_was_counted_is_never_forgotten,
    );
}

/// What a restart loses is found: here, everything.
#[test]
fn forgetting_restarts_are_found() {
    let factory = async |clock: Arc<dyn WallClock>| {
        let again = Arc::clone(&clock);
        sound(clock).await.with_reopen(move || {
            let empty = MemoryEngine::new(MemorySettings::default(), Arc::clone(&again));
            async move { Arc::new(empty) as _ }
        })
    };
    assert!(fails(|| run(factory, contract::reopen::entries_survive)));
    assert!(fails(|| run(factory, contract::reopen::places_survive)));
    assert!(fails(|| run(factory, contract::reopen::trims_survive)));
    assert!(fails(|| run(factory, contract::reopen::deletes_survive)));
    assert!(fails(|| run(factory, contract::reopen::append_ids_survive)));
    assert!(fails(|| run(factory, contract::reopen::closes_survive)));
    assert!(fails(|| run(factory, contract::reopen::time_survives)));
    assert!(fails(|| run(
        factory,
        contract::reopen::what_stop_finished_survives
    )));
    let across = contract::random::operations_agree_with_a_model_across_restarts;
    assert!(fails(|| run_random(factory, across)));
}

#[test]
fn the_random_case_finds_faults_by_itself() {
    for fault in [
        Fault::AcknowledgesWithoutWriting,
        Fault::WritesTwice,
        Fault::ChangesLongPayloads,
        Fault::ReversesCalls,
        Fault::ForgetsIds,
        Fault::ForgetsCloses,
        Fault::LooksUpLate,
        Fault::TrimsTooMuch,
        Fault::AnswersOtherTimes,
        Fault::BarrierTooLow,
        Fault::BarrierTooHigh,
        Fault::IgnoresPageLimit,
        Fault::GivesEmptyPages,
        Fault::ShowsNextTooHigh,
        Fault::KeepsDeleted,
        Fault::KeepsDeletedGroups,
    ] {
        random_case_finds(fault);
    }
}
