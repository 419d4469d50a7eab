//! What is known of the types of file systems: whether their ctime is the kernel's own and fine enough.

use std::path::Path;

use nix::sys::statfs::{Statfs, statfs};

/// The file system that something lies on.
pub(super) struct FileSystem {
    pub(super) name: String,
    pub(super) is_trusted: bool,
}

/// What the system tells of the place; what cannot be told is not trusted.
pub(super) fn file_system_of(path: &Path) -> FileSystem {
    statfs(path)
        .map_or_else(|_| FileSystem { name: "unknown".to_owned(), is_trusted: false }, |found| known(&found))
}

/// The magic numbers of `statfs(2)`. FAT keeps one time for two, in steps of two seconds; what a server or a process
/// tells of its files is its own affair.
#[cfg(target_os = "linux")]
const TYPES: [(i128, &str, bool); 15] = [
    (0xef53, "ext", true),
    (0x5846_5342, "xfs", true),
    (0x9123_683e, "btrfs", true),
    (0x0102_1994, "tmpfs", true),
    (0x794c_7630, "overlay", true),
    (0x2fc1_2fc1, "zfs", true),
    (0xf2f5_2010, "f2fs", true),
    (0xca45_1a4e, "bcachefs", true),
    (0x4d44, "fat", false),
    (0x2011_bab0, "exfat", false),
    (0x0102_1997, "9p", false),
    (0xff53_4d42, "cifs", false),
    (0xfe53_4d42, "smb", false),
    (0x6573_5546, "fuse", false),
    (0x6969, "nfs", false),
];

#[cfg(target_os = "linux")]
fn known(found: &Statfs) -> FileSystem {
    // Signed or not, 32 bits or 64: that differs between systems.
    let magic = i128::from(found.filesystem_type().0) & 0xffff_ffff;
    let known = TYPES.iter().find(|(number, ..)| *number == magic);
    FileSystem {
        name: known.map_or_else(|| format!("type {magic:#x}"), |(_, name, _)| (*name).to_owned()),
        is_trusted: known.is_some_and(|(.., is_trusted)| *is_trusted),
    }
}

#[cfg(not(target_os = "linux"))]
fn known(found: &Statfs) -> FileSystem {
    let name = found.filesystem_type_name().to_owned();
    FileSystem { is_trusted: matches!(name.as_str(), "apfs" | "hfs"), name }
}
