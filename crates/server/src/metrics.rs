//! Numbers for those who look after the server: what calls took, what the log does, how full the bounds are. Counted in
//! [`calls`] while calls are answered, written for Prometheus by [`page`] when somebody asks.

mod calls;
mod page;

pub(crate) use calls::CallMetrics;
pub(crate) use page::{MetricsPage, Watched};
