//! The KCL's job in Rust: leases, checkpoints, one worker per shard.
