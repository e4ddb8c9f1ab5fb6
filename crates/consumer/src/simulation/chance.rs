//! What happens to a simulation by chance.

use std::time::Duration;

use futures::FutureExt;
use rand::Rng;
use rand::seq::IteratorRandom;
use tokio::time::advance;

use super::audit::key_of;
use super::fleet::Simulation;
use crate::{Checkpoint, Conditional, Lease, LeaseTable};

impl Simulation {
    /// One random thing happens.
    pub(super) async fn act(&mut self) {
        match self.rng.random_range(0..100) {
            0..60 => {
                let records = self.rng.random_range(1..40);
                self.put(records);
            }
            60..66 => {
                let open = self.stream.open_shard_ids();
                let shard = open.iter().choose(&mut self.rng).unwrap();
                let has_room = open.len() < self.application.open_shards_max;
                let reshard = if has_room && self.rng.random() {
                    self.stream.split(shard)
                } else {
                    self.stream.merge(shard)
                };
                self.audit.log(format!("reshard {shard} {reshard}"));
            }
            66..74 if self.workers.len() < self.application.workers_max => {
                self.start_worker();
            }
            74..80 => {
                if let Some(worker) = self.some_worker() {
                    self.kill(&worker).await;
                }
            }
            80..85 => {
                if let Some(worker) = self.some_worker() {
                    self.stop(&worker).await;
                    self.process_halves();
                }
            }
            85..90 => {
                let pause = Duration::from_millis(self.rng.random_range(1000..25_000));
                if let Some(worker) = self.some_worker() {
                    self.audit.log(format!("cut off {worker} for {pause:?}"));
                    self.workers[&worker].faulty.cut_off_for(pause);
                }
            }
            90..92 => {
                let pause = Duration::from_millis(self.rng.random_range(1000..25_000));
                if let Some(worker) = self.some_worker() {
                    self.pause(&worker, pause);
                }
            }
            92..95 => {
                let from = self.stream.trimmed_before();
                let before = self.rng.random_range(from..=self.stream.last_number());
                self.audit.log(format!("trim {before}"));
                self.stream.trim(before);
            }
            95..98 => {
                let hide = self.rng.random();
                self.audit.log(format!("hide new shards: {hide}"));
                self.stream.hide_new_shards(hide);
            }
            98 => {
                let pause = Duration::from_millis(self.rng.random_range(1000..20_000));
                self.audit
                    .log(format!("everybody is throttled for {pause:?}"));
                for worker in self.workers.values() {
                    worker.faulty.throttled_for(pause);
                }
            }
            99 => match self.rng.random_range(0..3) {
                0 => {
                    let most = u32::try_from(self.application.open_shards_max).unwrap();
                    let shards = self.rng.random_range(1..=most.div_ceil(2));
                    self.audit.log(format!("create again with {shards} shards"));
                    self.stream.recreate(shards);
                }
                1 => {
                    let pause = Duration::from_millis(self.rng.random_range(1000..25_000));
                    self.audit
                        .log(format!("the machine stands still for {pause:?}"));
                    advance(pause).await;
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// A worker of the KCL takes what nobody owns, processes the first part of an aggregate, and goes.
    fn process_halves(&mut self) {
        for row in self.table.rows() {
            let Checkpoint::At(place) = &row.checkpoint else {
                continue;
            };
            let (last, index) = key_of(place);
            if self.audit.indices(last).iter().any(|left| *left > index) {
                continue;
            }
            let numbers = self.stream.sequence_numbers(&row.lease_key);
            let next = numbers.into_iter().find(|number| *number > last);
            let (None, Some(next)) = (&row.lease_owner, next) else {
                continue;
            };
            let indices = self.audit.indices(next);
            let ([first, _, ..], true) = (&indices[..], indices != [0]) else {
                continue;
            };
            let checkpoint = Checkpoint::parse(&next.to_string(), *first).unwrap();
            self.audit
                .note_half_processed(&row.lease_key, checkpoint.clone());
            let half = Lease {
                checkpoint,
                pending_checkpoint: None,
                ..row.clone()
            };
            let restarted = self.table.restart(&row, half).now_or_never().unwrap();
            assert!(matches!(restarted, Ok(Conditional::Done(_))));
        }
    }
}
