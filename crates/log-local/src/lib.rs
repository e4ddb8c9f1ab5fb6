//! The embedded log engine: one shared, fsynced sequence of segment files.
