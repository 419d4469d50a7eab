//! The file of `--out`: what it may be, and that an answer of before is never taken for the one of now.

use std::path::{Path, PathBuf};

use clodex_os::NamedOutput;

use crate::trouble::{Kind, Trouble};

/// Takes away what an earlier answer has left. What is `read` for the asking is not written over.
pub fn clear(out: &Path, read: &[&Option<PathBuf>]) -> Result<(), Trouble> {
    let refused = |why: &dyn std::fmt::Display| {
        let hint = "hint: name another file with --out";
        Trouble::usage(format!("cannot write the answer to `{}`: {why}\n{hint}", out.display()))
    };
    if let Ok(place) = out.canonicalize()
        && read.iter().filter_map(|path| path.as_ref()?.canonicalize().ok()).any(|path| path == place)
    {
        return Err(refused(&"it is read as well"));
    }
    let found = NamedOutput::find(out).and_then(|output| output.clear());
    found.map_err(|error| match error.io() {
        Some(why) => refused(why),
        None => refused(&error),
    })
}

/// Writes the answer.
pub fn keep(out: &Path, answer: &str) -> Result<(), Trouble> {
    let written = NamedOutput::find(out).and_then(|output| output.write(answer.as_bytes()));
    written.map_err(|error| Trouble::new(Kind::Output, error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_answer_of_before_goes_and_what_is_read_or_no_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("answer");
        fs::write(&file, "of before").unwrap();
        let refused = clear(&file, &[&None, &Some(file.clone())]).unwrap_err();
        assert!(refused.message.contains("is read as well"), "{refused:?}");
        clear(&file, &[]).unwrap();
        assert!(!file.exists());
        keep(&file, "of now").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "of now");
        assert!(clear(dir.path(), &[]).is_err());
        assert!(clear(&dir.path().join("none/answer"), &[]).is_err());

        clear(Path::new("/dev/null"), &[]).unwrap();
        keep(Path::new("/dev/null"), "into it").unwrap();
        assert!(fs::read("/dev/null").unwrap().is_empty());
    }
}
