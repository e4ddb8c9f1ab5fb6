//! Changes of names.

use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Set(String, usize),
    Rename(String, String, usize),
    Unset(String),
}

impl NameChange {
    pub(super) fn name(&self) -> &str {
        let (Self::Set(name, _) | Self::Rename(_, name, _) | Self::Unset(name)) = self;
        name
    }

    pub(super) fn directory(&self) -> &str {
        let name = self.name();
        name.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    pub(super) fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => {
                names.insert(name, file);
            }
            Self::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
            Self::Unset(name) => {
                names.remove(&name);
            }
        }
    }
}
