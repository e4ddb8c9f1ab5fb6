//! What an answer promises. A folder remembers it: what may be missing after a crash depends on it.

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once the disk has it: it survives a kill of the process and a power cut.
    Fsync,
    /// Once the operating system has it: it survives a kill of the process, not a power cut. For tests and trials.
    Os,
}
