//! What an operator chooses.

use std::time::Duration;

use crate::tasks::Computing;

/// Settings of the stream service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// How long a stream stays CREATING, UPDATING or DELETING at least. With 0 (the default) a change takes as long as
    /// it really does, and the call that makes it returns when it is done; otherwise the call returns at once. A change
    /// that a restart interrupted is finished without this wait.
    pub transition: Duration,
    /// Most open shards of all provisioned streams of an account in a region; `None` (the default) for no quota.
    pub account_shards_max: Option<u64>,
    /// The catalog is stored whole after this many commands, or after as many as it has shards if that is more.
    /// Default 1000; at least 1.
    pub commands_per_snapshot: u64,
    /// How often a slice of the logs is looked at for records past retention. Reads are exact in any case: this only
    /// frees room. Default 1 s.
    pub retention_interval: Duration,
    /// How often it is looked at what on-demand streams take, to split and merge their shards. Default 1 min.
    pub scaling_interval: Duration,
    /// Most reads (GetRecords, events of subscriptions) that may wait for the disk at the same time; each may hold a
    /// whole answer meanwhile. Others wait for their turn; what is in memory is read without. Default 32; at least 1.
    pub reads_max: usize,
    /// Bytes of a shard's log that one GetRecords call reads to count what lies behind its answer, where it asks for that;
    /// what lies further on is estimated. Default 64 MiB; rounded up to 1 MiB.
    pub behind_bytes_max: usize,
    /// Whether the keys that take most of each shard are counted, for who asks for them
    /// ([`StreamService::get_records_and_heat`](crate::StreamService::get_records_and_heat)). Default: no. They cost each put
    /// a little, and memory for each shard that is busy, of 512 at most.
    pub counts_hot_keys: bool,
    /// Whether readers pass over records that are damaged on the disk, with a line in the log and a count
    /// ([`StreamService::skipped_damage`](crate::StreamService::skipped_damage)). Default: no; such a read fails, and says
    /// behind which sequence number it can go on.
    pub skips_damaged_records: bool,
    /// Where what takes milliseconds is computed. Default: beside the threads that serve.
    pub computing: Computing,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            transition: Duration::ZERO,
            account_shards_max: None,
            commands_per_snapshot: 1000,
            retention_interval: Duration::from_secs(1),
            scaling_interval: Duration::from_secs(60),
            reads_max: 32,
            behind_bytes_max: 64 * 1024 * 1024,
            counts_hot_keys: false,
            skips_damaged_records: false,
            computing: Computing::Beside,
        }
    }
}
