//! Files of lines that are compressed as a whole.

use std::io::{Read, Write};

/// Whether and how the whole is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The whole, compressed. The same bytes for the same input, by one release.
    pub fn compress(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                let written = encoder.write_all(plain).and_then(|()| encoder.finish());
                written.expect("memory takes every byte")
            }
            Self::Zstd => {
                let level = ruzstd::encoding::CompressionLevel::Fastest;
                ruzstd::encoding::compress_to_vec(plain, level)
            }
        }
    }

    /// Whether the packed bytes hold this, by whatever release they were compressed.
    pub(crate) fn holds(self, packed: &[u8], plain: &[u8]) -> bool {
        if packed == self.compress(plain) {
            return true;
        }
        let mut found = Vec::new();
        let limit = plain.len() as u64 + 1;
        let read = match self {
            Self::None => return false,
            Self::Gzip => flate2::read::MultiGzDecoder::new(packed)
                .take(limit)
                .read_to_end(&mut found),
            Self::Zstd => match ruzstd::decoding::StreamingDecoder::new(packed) {
                Ok(decoder) => decoder.take(limit).read_to_end(&mut found),
                Err(_) => return false,
            },
        };
        read.is_ok() && found == plain
    }

    /// What names of files end in behind the format's extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_otherwise_holds_the_same() {
        let plain = b"one line\nanother\n".repeat(50);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(&plain).unwrap();
        let other = encoder.finish().unwrap();
        assert!(other != Compression::Gzip.compress(&plain));
        assert!(Compression::Gzip.holds(&other, &plain));
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let packed = compression.compress(&plain);
            assert!(compression.holds(&packed, &plain));
            assert!(!compression.holds(&packed, &plain[1..]));
            assert!(!compression.holds(&packed[..packed.len() / 2], &plain));
            assert!(!compression.holds(b"", &plain));
        }
    }
}
