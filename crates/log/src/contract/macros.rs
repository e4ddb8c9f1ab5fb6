//! Turns cases into tests.

/// One test per case in a module of the given name: what every engine owes.
///
/// The factory is a path to an `async fn(Arc<dyn WallClock>) -> Subject` that gives a fresh engine each time.
#[macro_export]
macro_rules! log_engine_contract {
    ($module:ident, $factory:path) => {
        $crate::__contract_tests! { $module, $factory;
            run append_id: the_same_id_is_written_once, the_same_id_in_flight_is_written_once,
                ids_belong_to_one_log, ids_outlive_close_and_trim, as_many_ids_are_kept_as_said;
            run barrier: a_barrier_covers_what_was_answered,
                a_barrier_among_appends_in_flight_can_be_reached;
            run bounds: a_new_log_is_empty, above_the_tail_is_out_of_range, bounds_belong_to_one_log;
            run close: nothing_follows_a_close, the_first_close_wins, close_concerns_one_log,
                a_closed_log_stays_closed;
            run_on_threads concurrent: many_writers_lose_and_double_nothing, readers_see_a_growing_prefix,
                a_close_among_writers_divides_them, logs_come_and_go_beside_each_other;
            run create: create_is_idempotent, creates_at_the_same_time_agree, places_are_distinct;
            run delete: a_deleted_log_is_gone, a_deleted_log_is_not_created_again, a_deleted_group_is_gone,
                an_empty_group_can_be_deleted, a_delete_meets_appends_in_flight;
            run dropped: dropped_appends_are_written_in_order, a_dropped_append_needs_no_successor,
                dropped_appends_keep_their_meaning, dropped_operations_can_be_done_again;
            run durability: an_answered_entry_is_there_at_once, payloads_come_back_whole,
                verify_accepts_a_sound_engine;
            run gaps: offsets_rise, a_read_begins_at_or_above_its_offset,
                behind_the_last_entry_a_read_waits_for_the_next, trims_keep_what_stands_at_or_above,
                a_close_is_the_end_for_readers;
            run offsets: too_large_entries_are_refused_alone;
            run_where_dense dense: offsets_are_dense_from_zero;
            run_where_in_place in_place: nothing_stands_behind_a_close;
            run order: entries_of_one_call_keep_their_order, calls_in_flight_keep_their_order,
                the_call_decides_not_the_poll, one_call_serves_several_logs, a_call_may_be_empty;
            run_random random: operations_agree_with_a_model;
            run reads: pages_give_every_entry_once, a_page_holds_at_least_one_entry,
                one_read_serves_several_logs, a_read_may_be_empty, kinds_are_kept,
                a_read_from_memory_says_what_a_read_says;
            run status: a_sound_engine_serves, what_was_counted_is_never_forgotten;
            run stop: stop_answers_what_was_submitted, nothing_is_written_after_stop,
                stops_at_the_same_time_agree, stop_ends_waiting_reads;
            run time: times_never_fall, times_belong_to_one_log, look_ups_are_never_late,
                look_ups_stay_inside_the_log;
            run trim: trim_keeps_what_stands_above, trim_never_goes_back,
                trim_above_the_tail_counts_as_the_tail, an_emptied_log_goes_on, trim_concerns_one_log;
            run unknown_place: arbitrary_bytes_name_no_log, an_unknown_place_concerns_its_entry_alone;
            run waiting: an_append_wakes_the_read, an_append_wakes_every_read,
                any_of_several_logs_wakes_the_read, other_logs_do_not_wake_the_read, a_delete_ends_the_read,
                the_deadline_ends_the_read, one_answer_is_enough, a_wait_may_be_endless,
                a_dropped_read_leaves_nothing_behind, following_the_tail_misses_nothing;
        }
    };
}

/// One test per case in a module of the given name: what an engine owes across a stop and a start.
///
/// The factory is as for [`log_engine_contract!`](crate::log_engine_contract); its subject needs
/// [`with_reopen`](crate::contract::Subject::with_reopen).
#[macro_export]
macro_rules! log_engine_reopen_contract {
    ($module:ident, $factory:path) => {
        $crate::__contract_tests! { $module, $factory;
            run_random random: operations_agree_with_a_model_across_restarts;
            run reopen: entries_survive, places_survive, time_survives, trims_survive, deletes_survive,
                append_ids_survive, closes_survive, what_stop_finished_survives, an_empty_engine_opens_again;
        }
    };
}

/// One test per case in a module of the given name: what an engine says when it runs out of room.
///
/// The factory is as for [`log_engine_contract!`](crate::log_engine_contract); its engines have room for some hundred
/// KiB, and for no more than 64 MiB.
#[macro_export]
macro_rules! log_engine_room_contract {
    ($module:ident, $factory:path) => {
        $crate::__contract_tests! { $module, $factory;
            run status: want_of_room_is_told_and_passes;
        }
    };
}

/// One test per case in a module of the given name: what an engine says when a write has failed for good.
///
/// The factory is as for [`log_engine_contract!`](crate::log_engine_contract); its subject needs
/// [`with_failing_writes`](crate::contract::Subject::with_failing_writes).
#[macro_export]
macro_rules! log_engine_failure_contract {
    ($module:ident, $factory:path) => {
        $crate::__contract_tests! { $module, $factory;
            run_to_failure status: a_failure_is_told_and_is_final;
        }
    };
}

/// One test per case in a module of the given name: what a snapshot store owes.
///
/// The factory is a path to an `async fn() -> S`, where `S` is a fresh [`SnapshotStore`](crate::SnapshotStore).
#[macro_export]
macro_rules! snapshot_store_contract {
    ($module:ident, $factory:path) => {
        $crate::__contract_tests! { $module, $factory;
            run_store snapshots: a_fresh_store_is_empty, the_two_newest_are_kept,
                older_snapshots_change_nothing, large_states_come_back_whole;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    ($module:ident, $factory:path; $($runner:ident $theme:ident: $($case:ident),+;)+) => {
        mod $module {
            #[allow(unused_imports, reason = "a factory may be named with its whole path")]
            use super::*;
            $(
                mod $theme {
                    #[allow(unused_imports, reason = "a factory may be named with its whole path")]
                    use super::*;
                    $(
                        #[test]
                        fn $case() {
                            $crate::contract::$runner($factory, $crate::contract::$theme::$case);
                        }
                    )+
                }
            )+
        }
    };
}
