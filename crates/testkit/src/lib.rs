//! In-process server, manual clock, crashing disk; for tests only.
