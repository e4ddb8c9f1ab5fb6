//! What survives a power cut.

/// Decides what survives. It is asked about each thing by its name, not in turn: what one thread left unsynced meets the
/// same fate whatever others did meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    seed: u64,
    /// Of 256.
    odds: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let odds = match seed {
            0 => 0,
            1 => 256,
            _ => [13, 64, 128, 192, 243, 253][(mixed(seed) % 6) as usize],
        };
        Self { seed, odds }
    }

    /// Whether the piece at `place` of the `nth` unsynced change of a file or of a name is kept.
    pub(super) fn keeps(&self, path: &str, nth: usize, place: usize) -> bool {
        let path = path.bytes().map(u64::from);
        let about = path.chain([nth as u64, place as u64]);
        about.fold(self.seed, |state, more| mixed(state ^ more)) % 256 < self.odds
    }
}

fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
