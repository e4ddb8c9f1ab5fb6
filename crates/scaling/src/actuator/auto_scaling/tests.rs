//! Against a group in the test that keeps AWS's limits.

use std::collections::HashMap;

use aws_credential_types::Credentials;
use millstream_types::{SystemClock, TimestampMs};

use super::*;
use crate::actuator::conformance::{change, grows_and_shrinks};
use crate::actuator::stand_in::{Seen, StandIn};

/// A group as AWS keeps it: its size follows its desired capacity, and its bounds hold.
#[derive(Debug)]
struct Fake {
    min: usize,
    max: usize,
    desired: usize,
    /// Ids, states, and whether they are protected.
    instances: Vec<(String, &'static str, bool)>,
    started: usize,
    /// New instances are not there yet.
    is_slow: bool,
}

impl Fake {
    fn new(min: usize, max: usize) -> Self {
        Self {
            min,
            max,
            desired: min,
            instances: Vec::new(),
            started: 0,
            is_slow: false,
        }
    }

    fn answer(&mut self, seen: &Seen) -> (u16, String) {
        let form: HashMap<String, String> = form_urlencoded::parse(seen.body.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(form["Version"], "2011-01-01");
        let name = form
            .get("AutoScalingGroupName")
            .or(form.get("AutoScalingGroupNames.member.1"));
        assert!(name.is_none_or(|name| name == "till & co"), "{form:?}");
        match form["Action"].as_str() {
            "DescribeAutoScalingGroups" => (200, self.described()),
            "SetDesiredCapacity" => {
                assert_eq!(form["HonorCooldown"], "false");
                self.set(form["DesiredCapacity"].parse().unwrap())
            }
            "SetInstanceProtection" => {
                assert_eq!(form["ProtectedFromScaleIn"], "true");
                let named: Vec<&String> = form
                    .iter()
                    .filter(|(name, _)| name.starts_with("InstanceIds.member."))
                    .map(|(_, id)| id)
                    .collect();
                assert!((1..=50).contains(&named.len()), "{named:?}");
                for (id, state, is_protected) in &mut self.instances {
                    *is_protected |= *state == "InService" && named.contains(&&*id);
                }
                done()
            }
            "TerminateInstanceInAutoScalingGroup" => {
                assert_eq!(form["ShouldDecrementDesiredCapacity"], "true");
                self.terminate(&form["InstanceId"])
            }
            other => panic!("{other} is none of the calls"),
        }
    }

    fn described(&self) -> String {
        let members: String = self
            .instances
            .iter()
            .map(|(id, state, is_protected)| {
                format!(
                    "<member><InstanceId>{id}</InstanceId><AvailabilityZone>us-east-1a</AvailabilityZone>\
                     <LifecycleState>{state}</LifecycleState><HealthStatus>Healthy</HealthStatus>\
                     <ProtectedFromScaleIn>{is_protected}</ProtectedFromScaleIn></member>\n"
                )
            })
            .collect();
        let Self {
            min, max, desired, ..
        } = self;
        format!(
            "<DescribeAutoScalingGroupsResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">\n \
             <DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
             <AutoScalingGroupName>till &amp; co</AutoScalingGroupName><MinSize>{min}</MinSize><MaxSize>{max}</MaxSize>\
             <DesiredCapacity>{desired}</DesiredCapacity><AvailabilityZones><member>us-east-1a</member></AvailabilityZones>\
             <Instances>{members}</Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult>\
             <ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></DescribeAutoScalingGroupsResponse>"
        )
    }

    fn set(&mut self, desired: usize) -> (u16, String) {
        if !(self.min..=self.max).contains(&desired) {
            return refused("the new value is outside of MinSize and MaxSize");
        }
        self.desired = desired;
        let running = |fake: &Self| {
            fake.instances
                .iter()
                .filter(|one| one.1 != "Terminating")
                .count()
        };
        while running(self) < desired && !self.is_slow {
            self.started += 1;
            let id = format!("i-0{:03x}", self.started);
            self.instances.push((id, "Pending", false));
        }
        // The group itself would end those that nobody protects: here that is never wanted.
        assert!(running(self) <= desired, "the group chooses who goes");
        done()
    }

    fn terminate(&mut self, id: &str) -> (u16, String) {
        if self.desired == self.min {
            return refused("terminating it would violate MinSize");
        }
        let found = self.instances.iter_mut().find(|one| one.0 == id);
        let Some(found) = found.filter(|one| one.1 != "Terminating") else {
            return refused("Instance Id not found");
        };
        found.1 = "Terminating";
        self.desired -= 1;
        done()
    }
}

fn done() -> (u16, String) {
    (200, "<Response/>".to_owned())
}

fn refused(message: &str) -> (u16, String) {
    let body = format!(
        "<ErrorResponse><Error><Code>ValidationError</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    (400, body)
}

fn settings(service: &StandIn) -> AutoScalingSettings {
    let credentials = Credentials::new("AKID", "secret", Some("token".to_owned()), None, "test");
    AutoScalingSettings {
        name: "till & co".to_owned(),
        region: "eu-west-1".to_owned(),
        endpoint_url: Some(service.url.clone()),
        credentials: SharedCredentialsProvider::new(credentials),
        drain: Vec::new(),
        grace: Duration::from_secs(600),
    }
}

async fn group(fake: Fake) -> (StandIn, Arc<parking_lot::Mutex<Fake>>, AutoScalingGroup) {
    let fake = Arc::new(parking_lot::Mutex::new(fake));
    let answering = Arc::clone(&fake);
    let service = StandIn::start(move |seen| answering.lock().answer(seen)).await;
    let group = AutoScalingGroup::new(settings(&service), Arc::new(SystemClock)).unwrap();
    (service, fake, group)
}

#[tokio::test]
async fn instances_are_workers() {
    let (_service, _, mut group) = group(Fake::new(0, 10)).await;
    grows_and_shrinks(&mut group).await;
}

#[tokio::test]
async fn calls_are_signed_for_the_service_and_its_region() {
    #[derive(Debug)]
    struct At(TimestampMs);
    impl WallClock for At {
        fn now(&self) -> TimestampMs {
            self.0
        }
    }
    let (service, _, _) = group(Fake::new(0, 10)).await;
    let at = Arc::new(At(TimestampMs(1_793_577_600_000)));
    let mut group = AutoScalingGroup::new(settings(&service), at).unwrap();
    group.running().await.unwrap();
    let seen = service.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/"));
    let authorization = seen.header("authorization");
    let begins = "AWS4-HMAC-SHA256 Credential=AKID/20261102/eu-west-1/autoscaling/aws4_request, SignedHeaders=";
    assert!(authorization.starts_with(begins), "{authorization}");
    assert_eq!(seen.header("x-amz-date"), "20261102T000000Z");
    assert_eq!(seen.header("x-amz-security-token"), "token");
    assert!(
        seen.header("content-type")
            .starts_with("application/x-www-form-urlencoded")
    );
}

#[tokio::test]
async fn what_the_group_may_not_be_is_not_asked_for() {
    let (service, fake, mut group) = group(Fake::new(2, 4)).await;
    fake.lock().set(2);
    service.seen();
    for to in [5, 1] {
        let error = group.scale(&change(2, to, &[])).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{to} workers cannot be had: Auto Scaling group till & co has 2 to 4")
        );
        let calls = service.seen();
        assert!(
            calls
                .iter()
                .all(|seen| seen.body.contains("Action=Describe")),
            "{calls:?}"
        );
    }
}

#[tokio::test]
async fn who_holds_leases_is_protected_once() {
    let (service, fake, mut group) = group(Fake::new(0, 100)).await;
    fake.lock().set(60);
    for one in &mut fake.lock().instances {
        one.1 = "InService";
    }
    let Running::Named(ids) = group.running().await.unwrap() else {
        panic!("instances have ids");
    };
    service.seen();
    let stranger: Arc<str> = "somebody else".into();
    let holders: Vec<Arc<str>> = ids.iter().skip(2).chain([&stranger]).cloned().collect();
    group.keep(&holders).await.unwrap();
    let open: Vec<usize> = fake
        .lock()
        .instances
        .iter()
        .enumerate()
        .filter_map(|(at, one)| (!one.2).then_some(at))
        .collect();
    assert_eq!(open, [0, 1]);
    assert_eq!(service.seen().len(), 3, "a look, and fifty at a time");
    group.keep(&holders).await.unwrap();
    assert_eq!(service.seen().len(), 1, "nothing is left to be told");
}

#[tokio::test]
async fn who_was_not_drained_is_left_running() {
    let (_service, fake, mut group) = group(Fake::new(0, 10)).await;
    fake.lock().set(3);
    let ids = group.running().await.unwrap().ids().to_vec();
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "[ \"$1\" != {} ] || exit 7; : > {}/$1",
        ids[0],
        folder.path().display()
    );
    group.drain = ["sh", "-c", &script, "drain", "{worker}"]
        .map(str::to_owned)
        .to_vec();
    let both = [Arc::clone(&ids[0]), Arc::clone(&ids[2])];
    let error = group.scale(&change(3, 1, &both)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "worker {} was not stopped, because it has not handed over: exit status: 7",
            ids[0]
        )
    );
    assert_eq!(group.running().await.unwrap().ids(), &ids[..2]);
    assert!(
        folder.path().join(&*ids[2]).exists(),
        "the other one was drained"
    );
    group.drain = ["sh", "-c", "exec sleep 600"].map(str::to_owned).to_vec();
    group.grace = Duration::from_millis(1);
    let error = group.scale(&change(2, 1, &both)).await.unwrap_err();
    assert!(
        error.to_string().ends_with("takes longer than 1 ms"),
        "{error}"
    );
    assert_eq!(group.running().await.unwrap().count(), 2);
}

#[tokio::test]
async fn what_is_still_to_start_does_not_take_the_place_of_who_goes() {
    let (_service, fake, mut group) = group(Fake::new(0, 10)).await;
    fake.lock().set(3);
    fake.lock().is_slow = true;
    group.scale(&change(3, 6, &[])).await.unwrap();
    assert_eq!(group.running().await.unwrap().count(), 3);
    group.scale(&change(3, 2, &[])).await.unwrap();
    assert_eq!(group.running().await.unwrap().count(), 2);
    assert_eq!(fake.lock().desired, 2);
}

#[tokio::test]
async fn a_group_that_is_not_there_is_named() {
    let service = StandIn::start(|_| {
        let none = "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups/>\
                    </DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>";
        (200, none.to_owned())
    })
    .await;
    let mut group = AutoScalingGroup::new(settings(&service), Arc::new(SystemClock)).unwrap();
    let error = group.running().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DescribeAutoScalingGroups of till & co was refused: there is no such group"
    );
}

#[test]
fn who_is_named_goes_first_and_then_who_came_last() {
    let ids: Vec<Arc<str>> = ["a", "b", "c"].map(Into::into).to_vec();
    let named: Vec<Arc<str>> = ["x", "b", "b"].map(Into::into).to_vec();
    let goes = |count| -> Vec<String> {
        leaving(&ids, count, &named)
            .iter()
            .map(|id| id.to_string())
            .collect()
    };
    assert_eq!(goes(1), ["b"]);
    assert_eq!(goes(2), ["b", "c"]);
    assert_eq!(goes(3), ["b", "c", "a"]);
}
