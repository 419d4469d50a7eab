//! SHA-256 as everybody writes it: lower-case hex. Knows nothing of what it is taken of.

use std::io::Read;

use sha2::{Digest as _, Sha256};

/// SHA-256 of some bytes, lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of everything that a reader gives, lower-case hex.
pub fn sha256_hex_of(mut reader: impl Read) -> std::io::Result<String> {
    let mut running = RunningSha256::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(running.finish()),
            n => running.update(&buffer[..n]),
        }
    }
}

/// A digest that grows with a file while it is written.
#[derive(Debug, Clone, Default)]
pub struct RunningSha256(Sha256);

impl RunningSha256 {
    /// Adds what was just written.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Lower-case hex.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_the_same_whole_and_in_pieces() {
        let mut running = RunningSha256::default();
        running.update(b"ab");
        running.update(b"c");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), known);
        assert_eq!(running.finish(), known);
        assert_eq!(sha256_hex_of(&b"abc"[..]).unwrap(), known);
    }
}
