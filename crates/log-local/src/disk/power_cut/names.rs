//! Names: what a process sees of them, what of that is durable, and what is neither.

use std::collections::BTreeMap;

/// Files by name.
type Files = BTreeMap<String, usize>;

#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    pub(super) seen: Files,
    durable: Files,
    pending: Vec<NameChange>,
    /// A sync of these has failed.
    doomed: Vec<NameChange>,
}

/// What becomes of the names that an operation is about, the one that is made or removed last.
#[derive(Debug, Clone)]
pub(super) struct NameChange(Vec<(String, Option<usize>)>);

impl Names {
    /// A change that nothing has made durable yet.
    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// A name that is durable.
    pub(super) fn place(&mut self, name: &str, file: usize) {
        self.seen.insert(name.to_owned(), file);
        self.durable.insert(name.to_owned(), file);
    }

    /// What was not synced in a folder gets durable, or never does.
    pub(super) fn sync(&mut self, directory: &str, fails: bool) {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let (synced, others) = pending.partition(|change| change.directory() == directory);
        self.pending = others;
        let synced: Vec<NameChange> = synced;
        if fails {
            self.doomed.extend(synced);
            return;
        }
        for change in synced {
            change.apply(&mut self.durable);
            self.doomed.retain_mut(|doomed| doomed.give_way(&change));
        }
    }

    /// What a power cut leaves, where `keeps` decides about each change that is not durable by its name and number.
    pub(super) fn after_power_cut(&self, keeps: impl Fn(&str, usize) -> bool) -> Self {
        let mut left = self.durable.clone();
        let mut changes_of = BTreeMap::new();
        for change in self.doomed.iter().chain(&self.pending) {
            let nth = changes_of.entry(change.name()).or_insert(0);
            *nth += 1;
            if keeps(change.name(), *nth) {
                change.apply(&mut left);
            }
        }
        Self {
            seen: left.clone(),
            durable: left,
            ..Self::default()
        }
    }
}

impl NameChange {
    pub(super) fn set(name: &str, file: usize) -> Self {
        Self(vec![(name.to_owned(), Some(file))])
    }

    pub(super) fn rename(from: &str, to: &str, file: usize) -> Self {
        Self(vec![(from.to_owned(), None), (to.to_owned(), Some(file))])
    }

    pub(super) fn unset(name: &str) -> Self {
        Self(vec![(name.to_owned(), None)])
    }

    fn name(&self) -> &str {
        self.0.last().map_or("", |(name, _)| name)
    }

    fn directory(&self) -> &str {
        let name = self.name();
        name.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    fn apply(&self, files: &mut Files) {
        for (name, file) in &self.0 {
            match file {
                Some(file) => files.insert(name.clone(), *file),
                None => files.remove(name),
            };
        }
    }

    /// What has become of a name later, and is durable, is what the disk has. Whether anything is left.
    fn give_way(&mut self, later: &Self) -> bool {
        self.0
            .retain(|(name, _)| later.0.iter().all(|(newer, _)| newer != name));
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names after a power cut that loses, or keeps, all that is not durable.
    fn left(names: &Names, keeps: bool) -> Vec<(String, usize)> {
        let left = names.after_power_cut(|_, _| keeps);
        left.seen.into_iter().collect()
    }

    #[test]
    fn a_name_whose_sync_failed_is_durable_only_once_it_is_made_anew() {
        let mut names = Names::default();
        names.change(NameChange::set("new", 1));
        names.change(NameChange::rename("new", "a/one", 1));
        names.change(NameChange::set("a/two", 2));
        names.sync("", false);
        names.sync("a", true);
        // As if all were well: nothing is left to do.
        names.sync("a", false);
        assert_eq!(names.seen.len(), 2);
        assert_eq!(left(&names, false), [("new".to_owned(), 1)]);
        assert_eq!(left(&names, true).len(), 2);
        names.change(NameChange::unset("a/two"));
        names.change(NameChange::rename("a/one", "a/other", 1));
        names.sync("a", false);
        let other = ("a/other".to_owned(), 1);
        assert_eq!(left(&names, false), [other.clone(), ("new".to_owned(), 1)]);
        // The failed sync may have got through all the same.
        assert_eq!(left(&names, true), [other]);
    }
}
