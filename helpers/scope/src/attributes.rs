//! Which files git stores otherwise than they lie in the work tree (LFS, encodings, `ident`): their blobs tell
//! nothing of their bytes, so these are hashed before the run. Over-approximates; never runs a filter.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::content;
use crate::ignore_rules::Pattern;
use crate::listing::{Kind, Listing};

/// Attributes lines that name a conversion, each with the directory it holds for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Conversions {
    lines: Vec<(Vec<u8>, Pattern)>,
}

impl Conversions {
    pub(crate) fn read(root: &Path, common_dir: &Path, listing: &Listing) -> Self {
        let mut conversions = Self::default();
        conversions.add(b"", &content::read(common_dir, b"info/attributes").unwrap_or_default());
        for directory in &listing.directories {
            if directory.entry(b".gitattributes").is_some_and(|seen| seen.stat.kind == Kind::File) {
                let text = content::read(root, &directory.path_of(b".gitattributes")).unwrap_or_default();
                conversions.add(&directory.path, &text);
            }
        }
        conversions
    }

    fn add(&mut self, directory: &[u8], text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let Some(pattern) = words.next().and_then(Pattern::of_attributes) else { continue };
            let converts = |word: &[u8]| {
                [&b"filter="[..], b"working-tree-encoding=", b"ident"]
                    .iter()
                    .any(|start| word.starts_with(start))
            };
            if words.any(converts) {
                self.lines.push((directory.to_vec(), pattern));
            }
        }
    }

    /// Whether a conversion may apply to the file.
    pub(crate) fn may_convert(&self, path: &[u8]) -> bool {
        self.lines.iter().any(|(directory, pattern)| {
            let below = if directory.is_empty() {
                Some(path)
            } else {
                path.strip_prefix(directory.as_slice()).and_then(|rest| rest.strip_prefix(b"/"))
            };
            below.is_some_and(|path| pattern.matches(path, false))
        })
    }
}

/// Whether the bytes are the blob with other line ends: what a CRLF conversion does.
pub(crate) fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let next = bytes.iter().skip(1).chain([&0]);
    bytes
        .iter()
        .zip(next)
        .filter(|(byte, next)| (**byte, **next) != (b'\r', b'\n'))
        .map(|(byte, _)| *byte)
        .collect()
}
