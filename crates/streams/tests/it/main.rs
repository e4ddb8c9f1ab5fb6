//! The stream service over the in-memory log engine and a clock that the tests set.

mod world;

mod control_plane;
mod put_and_get;
