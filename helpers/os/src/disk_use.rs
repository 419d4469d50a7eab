//! How much disk a directory takes. Never follows a symlink, never goes on for longer than it may.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What `st_blocks` counts in, whatever the file system's own blocks are.
const BLOCK: u64 = 512;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUse {
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether the deadline came first, so that it is more than that.
    pub is_at_least: bool,
}

/// Counts what lies at `path` and below it; what is not there takes nothing.
pub fn disk_use(path: &Path, deadline: Instant) -> DiskUse {
    let Ok(found) = fs::symlink_metadata(path) else { return DiskUse::default() };
    let mut counted = DiskUse { bytes: found.blocks() * BLOCK, is_at_least: false };
    let mut waiting: Vec<PathBuf> = if found.is_dir() { vec![path.to_owned()] } else { Vec::new() };
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let Ok(found) = entry.metadata() else { continue };
            counted.bytes += found.blocks() * BLOCK;
            if found.is_dir() {
                waiting.push(entry.path());
            }
        }
        if Instant::now() >= deadline {
            counted.is_at_least = !waiting.is_empty();
            break;
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_links_lead_to_is_not_counted_and_a_deadline_is_told() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("state/a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), vec![1; 200_000]).unwrap();
        fs::create_dir(root.path().join("other")).unwrap();
        fs::write(root.path().join("other/file"), vec![1; 2_000_000]).unwrap();
        symlink(root.path().join("other"), inner.join("link")).unwrap();
        let later = Instant::now() + Duration::from_mins(1);
        let counted = disk_use(&root.path().join("state"), later);
        assert!((200_000..1_000_000).contains(&counted.bytes) && !counted.is_at_least, "{counted:?}");
        assert!(disk_use(&root.path().join("state"), Instant::now()).is_at_least);
        assert_eq!(disk_use(&root.path().join("gone"), later), DiskUse::default());
    }
}
