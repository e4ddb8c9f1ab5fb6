//! MD5 of eight short messages side by side (RFC 1321): one lane of a vector register for each.
//!
//! The steps of one MD5 wait for each other, those of several do not: eight take little longer than one.

use wide::u32x8;

pub(super) const LANES: usize = 8;
/// A message of one block: 64 bytes less a 1 bit and the length.
pub(super) const MESSAGE_BYTES_MAX: usize = 55;

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// For step i from 1 on: the whole part of 2^32 times the sine of i.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The digests of the messages, each of at most [`MESSAGE_BYTES_MAX`] bytes.
pub(super) fn digests(messages: [&[u8]; LANES]) -> [[u8; 16]; LANES] {
    let mut words = [[0; LANES]; 16];
    for (lane, message) in messages.into_iter().enumerate() {
        let mut block = [0; 64];
        block[..message.len()].copy_from_slice(message);
        block[message.len()] = 0x80;
        block[56..].copy_from_slice(&(8 * message.len() as u64).to_le_bytes());
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
    }
    let state = compress(&words.map(u32x8::from)).map(u32x8::to_array);
    std::array::from_fn(|lane| {
        let mut digest = [0; 16];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word[lane].to_le_bytes();
        }
        digest
    })
}

fn compress(words: &[u32x8; 16]) -> [u32x8; 4] {
    let start = START.map(u32x8::splat);
    let state = start;
    let state = round(
        state,
        words,
        0,
        |b, c, d| d ^ (b & (c ^ d)),
        |n| n,
        [7, 12, 17, 22],
    );
    let state = round(
        state,
        words,
        1,
        |b, c, d| c ^ (d & (b ^ c)),
        |n| 5 * n + 1,
        [5, 9, 14, 20],
    );
    let state = round(
        state,
        words,
        2,
        |b, c, d| b ^ c ^ d,
        |n| 3 * n + 5,
        [4, 11, 16, 23],
    );
    let state = round(
        state,
        words,
        3,
        |b, c, d| c ^ (b | !d),
        |n| 7 * n,
        [6, 10, 15, 21],
    );
    std::array::from_fn(|place| state[place] + start[place])
}

/// Sixteen steps that mix in each word once, in the order of `word`.
#[inline(always)]
fn round(
    [mut a, mut b, mut c, mut d]: [u32x8; 4],
    words: &[u32x8; 16],
    number: usize,
    mix: impl Fn(u32x8, u32x8, u32x8) -> u32x8,
    word: impl Fn(usize) -> usize,
    rotations: [u32; 4],
) -> [u32x8; 4] {
    for step in 0..16 {
        let sine = u32x8::splat(SINES[16 * number + step]);
        let sum = a + mix(b, c, d) + words[word(step) % 16] + sine;
        let bits = rotations[step % 4];
        let rotated = (sum << bits) | (sum >> (32 - bits));
        (a, b, c, d) = (d, b + rotated, b, c);
    }
    [a, b, c, d]
}
