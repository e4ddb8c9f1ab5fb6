//! The catalog and the stream service: put, get, iterators, resharding, retention; no HTTP.
