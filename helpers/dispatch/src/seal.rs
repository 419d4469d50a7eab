//! The digests of a run's artifacts, taken when nothing of the run lives any more.

use std::io::Read;

use sha2::{Digest as _, Sha256};

/// SHA-256 of some bytes, lower-case hex.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of everything that a reader gives, lower-case hex.
pub fn digest_of(mut reader: impl Read) -> std::io::Result<String> {
    let mut running = RunningDigest::default();
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
pub struct RunningDigest(Sha256);

impl RunningDigest {
    /// Adds what was just written.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Lower-case hex.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_the_same_whole_and_in_pieces() {
        let mut running = RunningDigest::default();
        running.update(b"ab");
        running.update(b"c");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), known);
        assert_eq!(running.finish(), known);
        assert_eq!(digest_of(&b"abc"[..]).unwrap(), known);
    }
}
