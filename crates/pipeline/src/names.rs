//! What a pipeline's streams and tables are called, by its name.

/// The lease table of the second stage, which merges windows.
pub fn merge_application(pipeline: &str) -> String {
    format!("{pipeline}-windows")
}

/// The stream between the stages.
pub fn intermediate_stream(pipeline: &str) -> String {
    format!("{pipeline}-windows")
}

/// The table of the states of windows, and of what workers say of themselves. Every pipeline has one.
pub fn state_table(pipeline: &str) -> String {
    format!("{pipeline}-state")
}
