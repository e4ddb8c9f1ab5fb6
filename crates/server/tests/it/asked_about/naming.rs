//! Members that name a stream or consumer, in any number and order, and what permission is to be asked for then.

use millstream_wire::Operation;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) const METERS: &str = "arn:aws:kinesis:eu-west-1:111111111111:stream/meters";
pub(super) const SECRET: &str = "arn:aws:kinesis:eu-west-1:111111111111:stream/secret";
pub(super) const FOREIGN: &str = "arn:aws:kinesis:eu-west-1:222222222222:stream/secret";

/// An id as the API's model has them; no stream has one yet, and no operation reads it.
const STREAM_ID: &str = "abcdefghijklmnopqrst-001";

/// Names that some operation knows, and names that none knows.
const MEMBERS: [&str; 10] = [
    "ConsumerARN",
    "ResourceARN",
    "StreamARN",
    "StreamName",
    "ConsumerName",
    "ShardIterator",
    "streamARN",
    "StreamArn",
    "StreamId",
    "TableName",
];

/// How an operation is told what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    NameOrArn,
    Arn,
    NewName,
    Consumer,
    ConsumerArn,
    Resource,
    Iterator,
    /// It is about the account.
    Nothing,
}

impl Naming {
    pub(super) fn of(operation: Operation) -> Self {
        use Operation as O;
        match operation {
            O::CreateStream => Self::NewName,
            O::DescribeStreamConsumer | O::DeregisterStreamConsumer => Self::Consumer,
            O::SubscribeToShard => Self::ConsumerArn,
            O::GetRecords => Self::Iterator,
            O::DescribeAccountSettings
            | O::DescribeLimits
            | O::ListStreams
            | O::UpdateAccountSettings => Self::Nothing,
            O::DeleteResourcePolicy
            | O::GetResourcePolicy
            | O::ListTagsForResource
            | O::PutResourcePolicy
            | O::TagResource
            | O::UntagResource => Self::Resource,
            O::ListStreamConsumers
            | O::RegisterStreamConsumer
            | O::UpdateMaxRecordSize
            | O::UpdateStreamMode
            | O::UpdateStreamRecordDistributionStrategy => Self::Arn,
            _ => Self::NameOrArn,
        }
    }

    pub(super) fn members(self) -> &'static [&'static str] {
        match self {
            Self::NameOrArn => &["StreamName", "StreamARN"],
            Self::Arn => &["StreamARN"],
            Self::NewName => &["StreamName"],
            Self::Consumer => &["ConsumerARN", "StreamARN", "ConsumerName"],
            Self::ConsumerArn => &["ConsumerARN"],
            Self::Resource => &["ResourceARN"],
            Self::Iterator => &["ShardIterator", "StreamARN"],
            Self::Nothing => &[],
        }
    }

    /// What permission is to be asked for; `None` if the request is refused before. Of equal members the last counts,
    /// and one that is null is none.
    pub(super) fn asked(self, named: &[(&str, &Meaning)]) -> Option<String> {
        let last = |member: &str| {
            let found = named.iter().rev().find(|(name, _)| *name == member);
            found
                .map(|(_, meaning)| *meaning)
                .filter(|meaning| !matches!(meaning, Meaning::Null))
        };
        let known = self.members();
        if known.iter().any(|name| last(name) == Some(&Meaning::Wrong)) {
            return None;
        }
        let arn = |member| match last(member)? {
            Meaning::Arn(arn) => Some(arn.clone()),
            _ => None,
        };
        let name = |member| match last(member)? {
            Meaning::Name(name) => Some(name.clone()),
            _ => None,
        };
        let is_last_part = |name: &str, arn: &str| arn.rsplit_once('/').unwrap().1 == name;
        match self {
            Self::Nothing => Some("*".into()),
            Self::Arn => arn("StreamARN"),
            Self::NewName => Some(own(&name("StreamName")?)),
            Self::ConsumerArn => arn("ConsumerARN"),
            Self::Resource => arn("ResourceARN"),
            Self::Iterator => arn("ShardIterator"),
            Self::NameOrArn => match (name("StreamName"), arn("StreamARN")) {
                (Some(name), Some(arn)) => is_last_part(&name, &arn).then_some(arn),
                (name, arn) => arn.or_else(|| Some(own(&name?))),
            },
            Self::Consumer => {
                let (stream, name) = (arn("StreamARN"), name("ConsumerName"));
                let Some(arn) = arn("ConsumerARN") else {
                    return Some(format!("{}/consumer/{}", stream?, name?));
                };
                let (of, consumer) = arn.split_once("/consumer/").unwrap();
                let consumer = consumer.split_once(':').unwrap().0;
                let agrees = stream.is_none_or(|stream| stream == of)
                    && name.is_none_or(|name| name == consumer);
                agrees.then_some(arn)
            }
        }
    }
}

fn own(name: &str) -> String {
    METERS.replace("meters", name)
}

/// What a member's value says to an operation that knows the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Null,
    /// It is refused.
    Wrong,
    Name(String),
    /// Of a stream or consumer, or of what an iterator reads.
    Arn(String),
}

/// What a member's value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Meters,
    /// Its consumer `billing`.
    Billing,
    /// Its consumer `hidden`, whose own policy denies.
    Hidden,
    /// A stream that a policy of the caller denies.
    Secret,
    /// Its consumer.
    Watcher,
    /// The namesake in another account.
    Foreign,
    /// The same in another partition.
    China,
    /// The same in another region.
    Elsewhere,
    Missing,
    Garbage,
    Number,
    Null,
}

/// ARNs and iterators as the server gave them.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) billing: String,
    pub(super) hidden: String,
    pub(super) watcher: String,
    pub(super) of_meters: String,
    pub(super) of_secret: String,
}

impl Given {
    /// The value of a member, and what it means.
    pub(super) fn value(&self, member: &str, thing: Thing) -> (Value, Meaning) {
        if member == "StreamId" {
            return (json!(STREAM_ID), Meaning::Null);
        }
        let text = match thing {
            Thing::Garbage => return (json!("no such thing"), Meaning::Wrong),
            Thing::Number => return (json!(7), Meaning::Wrong),
            Thing::Null => return (Value::Null, Meaning::Null),
            _ => self.text(member, thing),
        };
        let value = json!(text);
        let meaning = match member {
            "StreamName" | "ConsumerName" => Meaning::Name(text),
            "ShardIterator" if text == self.of_secret => Meaning::Arn(SECRET.into()),
            "ShardIterator" => Meaning::Arn(METERS.into()),
            _ => Meaning::Arn(text),
        };
        (value, meaning)
    }

    fn text(&self, member: &str, thing: Thing) -> String {
        let stream = match thing {
            Thing::Secret | Thing::Watcher => SECRET.into(),
            Thing::Foreign => FOREIGN.into(),
            Thing::China => SECRET.replace("aws", "aws-cn"),
            Thing::Elsewhere => SECRET.replace("eu-west-1", "eu-west-2"),
            Thing::Missing => SECRET.replace("secret", "missing"),
            _ => METERS.to_owned(),
        };
        let consumer = match thing {
            Thing::Meters | Thing::Billing => self.billing.clone(),
            Thing::Hidden => self.hidden.clone(),
            Thing::Secret | Thing::Watcher => self.watcher.clone(),
            _ => self.watcher.replace(SECRET, &stream),
        };
        let name = |arn: &str| arn.rsplit_once('/').unwrap().1.to_owned();
        match member {
            "StreamName" => name(&stream),
            "ConsumerName" => name(consumer.rsplit_once(':').unwrap().0),
            "ConsumerARN" => consumer,
            "ResourceARN" if matches!(thing, Thing::Billing | Thing::Hidden | Thing::Watcher) => {
                consumer
            }
            "ShardIterator" if stream == METERS => self.of_meters.clone(),
            "ShardIterator" => self.of_secret.clone(),
            _ => stream,
        }
    }
}

/// A member more in a request.
#[derive(Debug, Clone)]
pub(super) struct Extra {
    pub(super) member: &'static str,
    pub(super) thing: Thing,
    /// Where it stands among the others.
    pub(super) place: prop::sample::Index,
    /// Whether its name is written with an escape, where there are any.
    pub(super) is_escaped: bool,
}

/// Members that name something, the operation's own more often than others.
pub(super) fn extras(naming: Naming) -> impl Strategy<Value = Vec<Extra>> {
    let own = match naming.members() {
        [] => &MEMBERS[..],
        own => own,
    };
    let member = prop_oneof![
        3 => prop::sample::select(own),
        2 => prop::sample::select(&MEMBERS[..]),
    ];
    let thing = prop_oneof![
        6 => Just(Thing::Meters),
        3 => Just(Thing::Billing),
        3 => Just(Thing::Hidden),
        6 => Just(Thing::Secret),
        3 => Just(Thing::Watcher),
        2 => Just(Thing::Foreign),
        2 => Just(Thing::China),
        2 => Just(Thing::Elsewhere),
        1 => Just(Thing::Missing),
        1 => Just(Thing::Garbage),
        1 => Just(Thing::Number),
        2 => Just(Thing::Null),
    ];
    let extra = (member, thing, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(member, thing, place, is_escaped)| Extra {
            member,
            thing,
            place,
            is_escaped,
        },
    );
    prop::collection::vec(extra, 1..6)
}
