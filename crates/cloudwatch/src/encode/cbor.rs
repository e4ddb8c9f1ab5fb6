//! CBOR: moments are seconds since the epoch under tag 1, numbers are floats of 64 bits.

use crate::Output;

mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const TEXT: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const MAP: u8 = 5;
}

const TAG_TIME: u8 = 0xc1;
const FLOAT_64: u8 = 0xfb;

pub(super) fn body(output: &Output) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, output);
    out
}

fn write(out: &mut Vec<u8>, output: &Output) {
    match output {
        Output::Text(value) => text(out, value),
        Output::Number(number) => {
            out.push(FLOAT_64);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Output::Time(secs) => {
            out.push(TAG_TIME);
            head(out, major::UNSIGNED, *secs);
        }
        Output::List(items) => {
            head(out, major::LIST, items.len() as u64);
            items.iter().for_each(|item| write(out, item));
        }
        Output::Structure(members) => {
            head(out, major::MAP, members.len() as u64);
            for (name, member) in members {
                text(out, name);
                write(out, member);
            }
        }
        Output::Dictionary(entries) => {
            head(out, major::MAP, entries.len() as u64);
            for (name, entry) in entries {
                text(out, name);
                write(out, entry);
            }
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    head(out, major::TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// The shortest spelling of a type and its number.
fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let first = major << 5;
    if number < 24 {
        out.push(first | number as u8);
    } else if let Ok(number) = u8::try_from(number) {
        out.extend_from_slice(&[first | 24, number]);
    } else if let Ok(number) = u16::try_from(number) {
        out.push(first | 25);
        out.extend_from_slice(&number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        out.push(first | 26);
        out.extend_from_slice(&number.to_be_bytes());
    } else {
        out.push(first | 27);
        out.extend_from_slice(&number.to_be_bytes());
    }
}
