//! Options of both kinds of workers.

use std::time::Duration;

use millstream_consumer::{CheckpointPolicy, Settings};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WorkerOptions {
    /// A worker that is silent for so long is replaced
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) failover: Duration,
    /// Time between two reads at the tip of a shard
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) poll: Duration,
    /// Name of this worker, unique among its kind [default: random]
    #[arg(long)]
    pub(crate) worker_id: Option<String>,
    /// When told to stop, process what is on the stream by then for at most so long
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) catch_up_on_stop: Duration,
    /// Stop when standard input is closed
    #[arg(long, hide = true)]
    pub(crate) stop_with_stdin: bool,
}

impl WorkerOptions {
    pub(crate) fn settings(&self) -> Settings {
        let settings = Settings::new()
            .failover_time(self.failover)
            .poll_interval(self.poll)
            // A reshard shows up in the demo without a long wait.
            .shard_sync_interval(Duration::from_secs(20))
            // Both stages say themselves what is done.
            .checkpoints(CheckpointPolicy::Manual);
        match &self.worker_id {
            Some(id) => settings.worker_id(id),
            None => settings,
        }
    }
}
