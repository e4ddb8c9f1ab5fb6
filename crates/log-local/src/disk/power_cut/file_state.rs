//! One file: what a process sees of it, what of that is durable, and what is neither.

/// What is written to a disk at once or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Debug, Default, Clone)]
pub(super) struct FileState {
    pub(super) contents: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pending: Vec<Pending>,
    /// A sync of these has failed.
    doomed: Vec<Pending>,
}

#[derive(Debug, Clone)]
pub(super) enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl FileState {
    /// Durable, all of it.
    pub(super) fn durable(contents: Vec<u8>) -> Self {
        Self {
            durable: contents.clone(),
            contents,
            ..Self::default()
        }
    }

    /// A change that nothing has made durable yet.
    pub(super) fn change(&mut self, change: Pending) {
        change.apply(&mut self.contents);
        self.pending.push(change);
    }

    /// What was not synced gets durable, or never does.
    pub(super) fn sync(&mut self, fails: bool) {
        let pending = std::mem::take(&mut self.pending);
        if fails {
            self.doomed.extend(pending);
            return;
        }
        for pending in &pending {
            pending.apply(&mut self.durable);
            self.doomed
                .iter_mut()
                .for_each(|doomed| doomed.give_way(pending));
        }
    }

    /// What a power cut leaves, where `keeps` decides about each unsynced change by its number and place.
    pub(super) fn after_power_cut(&self, keeps: impl Fn(usize, usize) -> bool) -> Vec<u8> {
        let mut contents = self.durable.clone();
        let unsynced = self.doomed.iter().chain(&self.pending);
        for (nth, pending) in unsynced.enumerate() {
            keep_some(pending, &mut contents, |place| keeps(nth, place));
        }
        contents
    }
}

impl Pending {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::Write(position, bytes) => put(contents, *position, bytes),
            Self::Length(length) if *length > contents.len() => contents.resize(*length, 0),
            Self::Length(_) => {}
        }
    }

    /// Where a later write has become durable, that is what the disk has.
    fn give_way(&mut self, later: &Self) {
        let (Self::Write(position, bytes), Self::Write(new_position, new)) = (self, later) else {
            return;
        };
        let start = (*position).max(*new_position);
        let end = (*position + bytes.len()).min(new_position + new.len());
        if start < end {
            let place = start - *position..end - *position;
            bytes[place].copy_from_slice(&new[start - new_position..end - new_position]);
        }
    }
}

fn put(contents: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[position..end].copy_from_slice(bytes);
}

/// Applies what of an unsynced change survives.
fn keep_some(pending: &Pending, contents: &mut Vec<u8>, keeps: impl Fn(usize) -> bool) {
    let Pending::Write(position, bytes) = pending else {
        if keeps(0) {
            pending.apply(contents);
        }
        return;
    };
    let mut start = 0;
    while start < bytes.len() {
        let in_sector = (position + start) % SECTOR_BYTES;
        let end = bytes.len().min(start + SECTOR_BYTES - in_sector);
        if keeps(position + start) {
            put(contents, position + start, &bytes[start..end]);
        }
        start = end;
    }
}
