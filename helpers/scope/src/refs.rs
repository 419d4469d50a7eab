//! Refs by value: loose and packed ones in one map, so that `git gc` and `git pack-refs` change nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::content::{self, ObjectId};
use crate::listing::{Kind, Listing, join};

/// Ref name → object name in hex, or what else the ref says (`ref: …`).
pub(crate) type Refs = BTreeMap<Vec<u8>, Vec<u8>>;

/// A file that holds a ref is no longer.
const REF: u64 = 64 << 10;
/// What a ref says that cannot be read.
const UNREADABLE: &[u8] = b"unreadable";

/// Reads all refs of the git directory at `base` below `area`; the listing is that of `area`. Says as well why git would
/// not read the packed ones, if it would not.
pub(crate) fn read_refs(area: &Path, base: &[u8], listing: &Listing) -> (Refs, Option<String>) {
    let (mut refs, fault) = match content::read(area, &join(base, b"packed-refs")) {
        Ok(text) => (packed_refs(&text), fault_of_packed(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => (Refs::new(), None),
        Err(error) => (Refs::new(), Some(error.to_string())),
    };
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
    (refs, fault)
}

/// What a file that holds a ref says.
fn ref_value(area: &Path, path: &[u8], kind: Kind, target: &[u8]) -> Vec<u8> {
    match kind {
        Kind::Symlink => symlink_value(target),
        Kind::File => content::read_up_to(area, path, REF)
            .map_or_else(|_| UNREADABLE.to_vec(), |text| text.trim_ascii().to_vec()),
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
        Err(_) => match content::read_up_to(area, &head, REF) {
            Ok(text) => Some(text.trim_ascii().to_vec()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => Some(UNREADABLE.to_vec()),
        },
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

/// Why git does not take the text for a `packed-refs` file: one line that it does not know is enough.
fn fault_of_packed(text: &[u8]) -> Option<String> {
    let Some(text) = text.strip_suffix(b"\n") else {
        return (!text.is_empty()).then(|| "its last line does not end".to_owned());
    };
    let is_id = |hex: &[u8]| ObjectId::from_hex(hex).is_some();
    let mut lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    lines.find_map(|(number, line)| {
        let is_right = match line {
            [b'#', ..] => number == 1,
            [b'^', peeled @ ..] => is_id(peeled.trim_ascii_end()),
            _ => {
                let space = line.iter().position(|byte| *byte == b' ');
                space.is_some_and(|at| is_id(&line[..at]) && !line[at..].trim_ascii().is_empty())
            }
        };
        (!is_right).then(|| format!("line {number} is no ref"))
    })
}

fn is_below(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::fault_of_packed;

    #[test]
    fn packed_refs_are_told_from_what_git_does_not_read() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let ends = |text: String| fault_of_packed(text.as_bytes());
        assert_eq!(ends(String::new()), None);
        let whole = format!("# pack-refs with: peeled \n{id} refs/heads/a b\n{id} refs/tags/t\n^{id}\n");
        assert_eq!(ends(whole.clone()), None);
        let sha256 = format!("{id}{} refs/heads/a\n", &id[..24]);
        assert_eq!(ends(sha256), None);
        for added in ["garbage\n", "# more\n", "^x\n", "0123 refs/heads/a\n", "\n", "x"] {
            assert!(ends(format!("{whole}{added}")).is_some(), "{added}");
        }
        assert!(ends(format!("{id} \n")).is_some() && ends(format!("{id}\n")).is_some());
    }
}
