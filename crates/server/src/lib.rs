//! HTTP, routing, access, tables, settings.
