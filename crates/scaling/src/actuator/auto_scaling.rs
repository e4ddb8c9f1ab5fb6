//! Workers as instances of an EC2 Auto Scaling group.
//!
//! The group starts instances, by its desired capacity. It does not choose who goes: instances that hold leases are
//! protected from its own scaling in, and who is to go is terminated by name, once it has handed over. A worker owns leases
//! by its instance's id, or by a name that begins with it.

mod api;
mod drain;

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use millstream_types::WallClock;

use self::api::{Api, Group};
use super::{ActuatorError, ActuatorFuture, Running, Workers};
use crate::{CallError, WorkerChange};

/// A group, and as whom it is changed.
#[derive(Debug, Clone)]
pub struct AutoScalingSettings {
    /// The group's name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Where Auto Scaling answers; `None` is AWS in that region.
    pub endpoint_url: Option<String>,
    /// Asked again and again, as they may expire. They need `autoscaling:DescribeAutoScalingGroups`, `SetDesiredCapacity`,
    /// `SetInstanceProtection` and `TerminateInstanceInAutoScalingGroup`.
    pub credentials: SharedCredentialsProvider,
    /// Program and arguments that make the worker of instance `{worker}` hand over, and succeed once it has. Empty: the
    /// instance's own shutdown does that, as AWS gives it minutes to end its services.
    pub drain: Vec<String>,
    /// How long that command may take, before the instance is left as it is.
    pub grace: Duration,
}

/// Most instances of one SetInstanceProtection.
const PROTECTED_AT_ONCE: usize = 50;

/// The instances of a group.
#[derive(Debug)]
pub struct AutoScalingGroup {
    api: Api,
    drain: Vec<String>,
    grace: Duration,
}

impl AutoScalingGroup {
    /// Nothing is sent yet. Calls are dated by this clock.
    ///
    /// # Errors
    /// If the endpoint is no URL, or the machine trusts nobody.
    pub fn new(
        settings: AutoScalingSettings,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, CallError> {
        let (drain, grace) = (settings.drain.clone(), settings.grace);
        Ok(Self {
            api: Api::new(settings, clock)?,
            drain,
            grace,
        })
    }

    async fn grow(&self, group: &Group, to: u32) -> Result<(), ActuatorError> {
        if group.desired_capacity == to {
            return Ok(());
        }
        Ok(self.api.set_desired_capacity(to).await?)
    }

    async fn shrink(&self, group: &Group, change: &WorkerChange) -> Result<(), ActuatorError> {
        let instances = group.ids();
        let count = instances.len() - change.to as usize;
        // What the group is about to start would otherwise take the place of who goes.
        if group.desired_capacity as usize > instances.len() {
            let running = u32::try_from(instances.len()).unwrap_or(u32::MAX);
            self.api.set_desired_capacity(running).await?;
        }
        let leaving = leaving(&instances, count, &change.hand_over);
        let gone = leaving.iter().map(|id| self.end(id));
        // All at once: each of them hands over by itself.
        let gone = futures::future::join_all(gone).await;
        gone.into_iter().collect()
    }

    async fn end(&self, id: &Arc<str>) -> Result<(), ActuatorError> {
        drain::drain(&self.drain, id, self.grace).await?;
        Ok(self.api.terminate(id).await?)
    }
}

/// Those that go: who is named, then who came last.
fn leaving(instances: &[Arc<str>], count: usize, named: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut leaving: Vec<Arc<str>> = Vec::new();
    let named = named.iter().filter(|id| instances.contains(id));
    for id in named.chain(instances.iter().rev()) {
        if leaving.len() < count && !leaving.contains(id) {
            leaving.push(Arc::clone(id));
        }
    }
    leaving
}

impl Workers for AutoScalingGroup {
    fn running(&mut self) -> ActuatorFuture<'_, Running> {
        Box::pin(async { Ok(Running::Named(self.api.describe().await?.ids())) })
    }

    fn scale<'a>(&'a mut self, change: &'a WorkerChange) -> ActuatorFuture<'a, ()> {
        Box::pin(async move {
            let group = self.api.describe().await?;
            let Group {
                min_size, max_size, ..
            } = group;
            // AWS refuses it too, but only for the whole group's sake and in its own words.
            if !(min_size..=max_size).contains(&change.to) {
                return Err(ActuatorError::Bounds {
                    what: format!("Auto Scaling group {}", self.api.name()),
                    to: change.to,
                    min: min_size,
                    max: max_size,
                });
            }
            match (change.to as usize).cmp(&group.ids().len()) {
                std::cmp::Ordering::Less => self.shrink(&group, change).await,
                _ => self.grow(&group, change.to).await,
            }
        })
    }

    fn keep<'a>(&'a mut self, holders: &'a [Arc<str>]) -> ActuatorFuture<'a, ()> {
        Box::pin(async move {
            if holders.is_empty() {
                return Ok(());
            }
            let group = self.api.describe().await?;
            let open = group.unprotected();
            let ids: Vec<&str> = holders
                .iter()
                .map(|id| &**id)
                .filter(|id| open.contains(id))
                .collect();
            for ids in ids.chunks(PROTECTED_AT_ONCE) {
                self.api.protect(ids).await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
