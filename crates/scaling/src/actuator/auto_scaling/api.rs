//! The four calls of Auto Scaling's Query API that are needed.

use std::sync::Arc;

use millstream_types::WallClock;
use serde::Deserialize;

use super::AutoScalingSettings;
use crate::CallError;
use crate::query::{Query, QuerySettings};

/// Calls about one group.
#[derive(Debug)]
pub(super) struct Api {
    name: String,
    query: Query,
}

impl Api {
    pub(super) fn new(
        settings: AutoScalingSettings,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, CallError> {
        let query = QuerySettings {
            service: "autoscaling",
            version: "2011-01-01",
            region: settings.region,
            endpoint_url: settings.endpoint_url,
            credentials: settings.credentials,
        };
        Ok(Self {
            name: settings.name,
            query: Query::new(query, clock)?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The group as it is.
    pub(super) async fn describe(&self) -> Result<Group, CallError> {
        let name = &self.name;
        let of_group = [("AutoScalingGroupNames.member.1", name.as_str())];
        let answer = self.call("DescribeAutoScalingGroups", &of_group).await?;
        let unreadable = |said: String| CallError::Refused {
            what: format!("DescribeAutoScalingGroups of {name}"),
            said,
        };
        let described: DescribeResponse = quick_xml::de::from_str(&answer)
            .map_err(|error| unreadable(format!("its answer cannot be read: {error}")))?;
        let mut groups = described.result.groups.member.into_iter();
        let found = groups.find(|group| group.name == *name);
        found.ok_or_else(|| unreadable("there is no such group".to_owned()))
    }

    pub(super) async fn set_desired_capacity(&self, to: u32) -> Result<(), CallError> {
        let to = to.to_string();
        let members = [
            ("AutoScalingGroupName", self.name()),
            ("DesiredCapacity", &to),
            ("HonorCooldown", "false"),
        ];
        self.call("SetDesiredCapacity", &members).await.map(drop)
    }

    pub(super) async fn protect(&self, ids: &[&str]) -> Result<(), CallError> {
        let names: Vec<String> = (1..=ids.len())
            .map(|number| format!("InstanceIds.member.{number}"))
            .collect();
        let mut members = vec![
            ("AutoScalingGroupName", self.name()),
            ("ProtectedFromScaleIn", "true"),
        ];
        members.extend(names.iter().map(String::as_str).zip(ids.iter().copied()));
        self.call("SetInstanceProtection", &members).await.map(drop)
    }

    /// Terminates one instance; the group does not replace it.
    pub(super) async fn terminate(&self, id: &str) -> Result<(), CallError> {
        let members = [
            ("InstanceId", id),
            ("ShouldDecrementDesiredCapacity", "true"),
        ];
        let call = self.call("TerminateInstanceInAutoScalingGroup", &members);
        call.await.map(drop)
    }

    async fn call(&self, action: &str, members: &[(&str, &str)]) -> Result<String, CallError> {
        self.query.call(action, &self.name, members).await
    }
}

#[derive(Debug, Deserialize)]
struct DescribeResponse {
    #[serde(rename = "DescribeAutoScalingGroupsResult")]
    result: DescribeResult,
}

#[derive(Debug, Deserialize)]
struct DescribeResult {
    #[serde(rename = "AutoScalingGroups", default)]
    groups: Groups,
}

#[derive(Debug, Default, Deserialize)]
struct Groups {
    #[serde(default)]
    member: Vec<Group>,
}

/// What is read of a group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    #[serde(rename = "AutoScalingGroupName")]
    name: String,
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    pub(super) desired_capacity: u32,
    #[serde(default)]
    instances: Instances,
}

#[derive(Debug, Default, Deserialize)]
struct Instances {
    #[serde(default)]
    member: Vec<Instance>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    instance_id: Arc<str>,
    lifecycle_state: String,
    #[serde(default)]
    protected_from_scale_in: bool,
}

impl Instance {
    /// Also while it starts; not in standby, in a warm pool, or on its way out.
    fn is_running(&self) -> bool {
        self.lifecycle_state == "InService" || self.lifecycle_state.starts_with("Pending")
    }
}

impl Group {
    /// Instances that run or are being started.
    pub(super) fn ids(&self) -> Vec<Arc<str>> {
        let running = self
            .instances
            .member
            .iter()
            .filter(|instance| instance.is_running());
        running
            .map(|instance| Arc::clone(&instance.instance_id))
            .collect()
    }

    /// Those in service that the group itself may end.
    pub(super) fn unprotected(&self) -> Vec<&str> {
        let members = self.instances.member.iter();
        let open = members.filter(|instance| {
            instance.lifecycle_state == "InService" && !instance.protected_from_scale_in
        });
        open.map(|instance| &*instance.instance_id).collect()
    }
}
