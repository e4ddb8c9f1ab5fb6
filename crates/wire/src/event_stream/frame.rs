//! Writing frames.

/// Type of a header whose value is text.
pub(super) const TEXT: u8 = 7;
/// The two lengths and their checksum.
pub(super) const PRELUDE_BYTES: usize = 12;
/// The checksum at the end.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// Writes a frame behind what `out` holds; `payload` appends the payload.
///
/// # Panics
/// If a name has more than 255 bytes, a value more than 32,767, or the frame 4 GiB.
pub(super) fn write_frame(
    out: &mut Vec<u8>,
    headers: &[(&str, &str)],
    payload: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE_BYTES]);
    for (name, value) in headers {
        let name_bytes = u8::try_from(name.len()).expect("names are short");
        let value_bytes = i16::try_from(value.len()).expect("values are short");
        out.push(name_bytes);
        out.extend_from_slice(name.as_bytes());
        out.push(TEXT);
        out.extend_from_slice(&value_bytes.to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    let headers_bytes = u32::try_from(out.len() - start - PRELUDE_BYTES).expect("a few headers");
    payload(out);
    let frame_bytes = out.len() - start + CHECKSUM_BYTES;
    let frame_bytes = u32::try_from(frame_bytes).expect("frames have less than 4 GiB");
    let prelude = &mut out[start..start + PRELUDE_BYTES];
    prelude[..4].copy_from_slice(&frame_bytes.to_be_bytes());
    prelude[4..8].copy_from_slice(&headers_bytes.to_be_bytes());
    let checksum = crc32fast::hash(&prelude[..8]);
    prelude[8..].copy_from_slice(&checksum.to_be_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}
