//! Refs by value: loose and packed ones in one map, so that `git gc` and `git pack-refs` change nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::content;
use crate::listing::{Kind, Listing, join};

/// Ref name → object name in hex, or what else the ref says (`ref: …`).
pub(crate) type Refs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads all refs of the git directory at `base` below `area`; the listing is that of `area`.
pub(crate) fn read_refs(area: &Path, base: &[u8], listing: &Listing) -> Refs {
    let packed = content::read(area, &join(base, b"packed-refs")).unwrap_or_default();
    let mut refs = packed_refs(&packed);
    let top = join(base, b"refs");
    for directory in &listing.directories {
        if !is_below(&directory.path, &top) {
            continue;
        }
        for seen in directory.entries().filter(|seen| seen.stat.kind != Kind::Directory) {
            let path = directory.path_of(seen.name);
            if seen.name.ends_with(b".lock") {
                continue;
            }
            let name = if base.is_empty() { path.clone() } else { path[base.len() + 1..].to_vec() };
            refs.insert(name, ref_value(area, &path, seen.stat.kind, seen.target));
        }
    }
    refs
}

/// What a file that holds a ref says.
fn ref_value(area: &Path, path: &[u8], kind: Kind, target: &[u8]) -> Vec<u8> {
    match kind {
        Kind::Symlink => symlink_value(target),
        Kind::File => content::read(area, path)
            .map_or_else(|_| b"unreadable".to_vec(), |text| text.trim_ascii().to_vec()),
        Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => kind.as_str().as_bytes().to_vec(),
    }
}

/// How a ref that is a symlink is told.
pub(crate) fn symlink_value(target: &[u8]) -> Vec<u8> {
    [b"symlink to ", target].concat()
}

/// What HEAD says; `None` when it is not there.
pub(crate) fn read_head(area: &Path, base: &[u8]) -> Option<Vec<u8>> {
    let head = join(base, b"HEAD");
    match area.join(OsStr::from_bytes(&head)).read_link() {
        Ok(target) => Some([b"ref: ", target.as_os_str().as_bytes()].concat()),
        Err(_) => Some(content::read(area, &head).ok()?.trim_ascii().to_vec()),
    }
}

/// The object that a ref value leads to.
pub(crate) fn resolve<'a>(value: &'a [u8], refs: &'a Refs) -> Option<&'a [u8]> {
    let mut value = value;
    for _ in 0..5 {
        match value.strip_prefix(b"ref:") {
            Some(name) => value = refs.get(name.trim_ascii())?,
            None => return Some(value),
        }
    }
    None
}

/// What the text of a `packed-refs` file says.
pub(crate) fn packed_refs(text: &[u8]) -> Refs {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#") && !line.starts_with(b"^"))
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b' ')?;
            Some((line[at + 1..].trim_ascii().to_vec(), line[..at].to_vec()))
        })
        .collect()
}

fn is_below(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}
