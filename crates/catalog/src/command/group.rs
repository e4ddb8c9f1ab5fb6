//! All commands, by what they are about. Stored is the command alone, as `{"name":{…}}`: a group can be cut in two without
//! a change of what is stored.

use std::fmt;

use serde::de::value::{EnumAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ConsumerCommand, ServiceCommand, ShardCommand, StreamCommand, TagCommand};

/// What can be done to the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To no resource.
    Service(ServiceCommand),
    /// To a stream.
    Stream(StreamCommand),
    /// To a stream's shards.
    Shard(ShardCommand),
    /// To a stream's consumers.
    Consumer(ConsumerCommand),
    /// To the tags of a resource.
    Tag(TagCommand),
}

macro_rules! from_groups {
    ($($group:ident: $type:ident,)*) => {
        $(impl From<$type> for Command {
            fn from(command: $type) -> Self {
                Self::$group(command)
            }
        })*

        impl Serialize for Command {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$group(command) => command.serialize(serializer),)*
                }
            }
        }

        impl<'de> Visitor<'de> for CommandVisitor {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Command, A::Error> {
                let (name, content): (String, _) = data.variant()?;
                let named = EnumAccessDeserializer::new(Named { name: &name, content });
                $(if $type::NAMES.contains(&&*name) {
                    return $type::deserialize(named).map(Command::$group);
                })*
                Err(A::Error::custom(format_args!("unknown command {name}")))
            }
        }
    };
}

struct CommandVisitor;

from_groups! {
    Service: ServiceCommand,
    Stream: StreamCommand,
    Shard: ShardCommand,
    Consumer: ConsumerCommand,
    Tag: TagCommand,
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Command", &[], CommandVisitor)
    }
}

/// A command whose name is read already, and whose content is not.
struct Named<'a, A> {
    name: &'a str,
    content: A,
}

impl<'de, A: serde::de::VariantAccess<'de>> EnumAccess<'de> for Named<'_, A> {
    type Error = A::Error;
    type Variant = A;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, A), A::Error> {
        let name: StrDeserializer<'_, A::Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.content))
    }
}
