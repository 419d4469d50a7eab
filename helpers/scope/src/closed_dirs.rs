//! Directories that may be entered but not listed: somebody who knows a name can write there, and no walk shows it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_core::path_text;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use crate::listing::Listing;

/// Why the comparison is not whole: such directories below `root`, where it `matters` what is in them.
pub(crate) fn problems(root: &Path, listing: &Listing, matters: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let closed = listing.directories.iter().filter(|directory| directory.unreadable);
    closed
        .filter(|directory| {
            may_be_entered(&root.join(OsStr::from_bytes(&directory.path))) && matters(&directory.path)
        })
        .map(|directory| {
            format!(
                "`{}` may be entered but not listed: what changed in it cannot be told",
                path_text(&directory.path)
            )
        })
        .collect()
}

fn may_be_entered(directory: &Path) -> bool {
    faccessat(AT_FDCWD, directory, AccessFlags::X_OK, AtFlags::AT_EACCESS).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::listing::Draft;

    use super::*;

    #[test]
    fn what_may_be_entered_and_not_listed_is_named_where_it_matters() {
        let root = tempfile::tempdir().unwrap();
        let mut listing = Listing::default();
        for name in ["closed", "gone", "quiet", "seen"] {
            let mut draft = Draft::default();
            draft.begin(name.as_bytes());
            draft.unreadable = name != "seen";
            listing.directories.push(draft.finish(None));
            if name != "gone" {
                std::fs::create_dir(root.path().join(name)).unwrap();
            }
        }
        let told = problems(root.path(), &listing, |path| path != b"quiet");
        assert_eq!(told, ["`closed` may be entered but not listed: what changed in it cannot be told"]);
    }
}
