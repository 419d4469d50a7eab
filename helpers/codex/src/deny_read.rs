//! Paths that may not be read, as a profile takes them. Owns what Codex makes of a name; knows no profile.
//!
//! All of it was tried with Codex 0.169: `*`, `?`, `[…]` and `**` make a glob, which is looked up whenever a command
//! starts and hides files, not directories. Braces are letters to it. A plain path that is not there it would make.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Whether Codex would take the path for a glob.
pub fn is_glob(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|byte| is_special(*byte))
}

/// A glob that matches this path and no other; the path itself, where it is none.
pub fn glob_of(path: &Path) -> PathBuf {
    let mut glob = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        if is_special(*byte) {
            glob.extend([b'[', *byte, b']']);
        } else {
            glob.push(*byte);
        }
    }
    OsString::from_vec(glob).into()
}

/// What is to be denied for an entry of DENY READ, a path or a glob with or without braces: absolute paths and globs.
pub fn denials(entry: &str, workdir: &Path) -> Vec<PathBuf> {
    if let Ok(real) = workdir.join(entry).canonicalize() {
        return if is_glob(&real) { with_all_below(&glob_of(&real)) } else { vec![real] };
    }
    if let Some(choices) = choices(entry) {
        return choices.iter().flat_map(|choice| denials(choice, workdir)).collect();
    }
    let entry = entry.trim_end_matches('/');
    let glob = if is_glob(Path::new(entry)) { entry.to_owned() } else { glob_of_missing(entry) };
    with_all_below(&glob_of(workdir).join(glob))
}

fn is_special(byte: u8) -> bool {
    b"*?[]".contains(&byte)
}

/// A glob does not hide what is in a directory that it matches.
fn with_all_below(glob: &Path) -> Vec<PathBuf> {
    let below = (!glob.ends_with("**")).then(|| glob.join("**"));
    std::iter::once(glob.to_owned()).chain(below).collect()
}

/// So that it is hidden once somebody makes it.
fn glob_of_missing(entry: &str) -> String {
    let last = entry.char_indices().rfind(|(_, letter)| letter.is_alphanumeric());
    last.map_or_else(
        || entry.to_owned(),
        |(at, letter)| format!("{}[{letter}]{}", &entry[..at], &entry[at + letter.len_utf8()..]),
    )
}

/// `a{b,c}d` → `abd`, `acd`: the first braces that hold a choice, others stay for later.
fn choices(text: &str) -> Option<Vec<String>> {
    text.match_indices('{').find_map(|(open, _)| {
        let (mut depth, mut begin, mut parts) = (0_usize, open + 1, Vec::new());
        for (at, letter) in text[open..].char_indices().map(|(at, letter)| (open + at, letter)) {
            match letter {
                '{' => depth += 1,
                '}' if depth == 1 => {
                    parts.push(&text[begin..at]);
                    let (before, after) = (&text[..open], &text[at + 1..]);
                    let whole = || parts.iter().map(|part| format!("{before}{part}{after}")).collect();
                    return (parts.len() > 1).then(whole);
                }
                '}' => depth -= 1,
                ',' if depth == 1 => {
                    parts.push(&text[begin..at]);
                    begin = at + 1;
                }
                _ => {}
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entry: &str, workdir: &Path) -> Vec<String> {
        let found = denials(entry, workdir);
        let text = |path: &PathBuf| path.strip_prefix(workdir).unwrap().to_str().unwrap().to_owned();
        found.iter().map(text).collect()
    }

    #[test]
    fn every_kind_of_entry_becomes_what_codex_understands() {
        let dir = tempfile::tempdir().unwrap();
        let workdir = dir.path().canonicalize().unwrap();
        for name in ["keys", "{a,b}", "x[1]"] {
            std::fs::create_dir(workdir.join(name)).unwrap();
        }
        for (entry, wanted) in [
            ("keys/", &["keys"][..]),
            ("{a,b}", &["{a,b}"]),
            ("x[1]", &["x[[]1[]]", "x[[]1[]]/**"]),
            ("**/.env", &["**/.env", "**/.env/**"]),
            ("sec*/**", &["sec*/**"]),
            ("sec*/", &["sec*", "sec*/**"]),
            (".env", &[".en[v]", ".en[v]/**"]),
            ("{*.p,k{ey,1}s}", &["*.p", "*.p/**", "keys", "k1[s]", "k1[s]/**"]),
            ("{one}/*", &["{one}/*", "{one}/*/**"]),
            ("a{/*", &["a{/*", "a{/*/**"]),
            ("é", &["[é]", "[é]/**"]),
        ] {
            assert_eq!(texts(entry, &workdir), wanted, "{entry}");
        }
    }

    #[test]
    fn a_work_directory_that_looks_like_a_glob_is_taken_as_it_is() {
        let found = denials("**/.env", Path::new("/w/[x]"));
        assert_eq!(found, [Path::new("/w/[[]x[]]/**/.env"), Path::new("/w/[[]x[]]/**/.env/**")]);
    }
}
