//! The state file that interline-style statusline renderers look for, kept only when `CLODEX_INTERLINE=1`.
//!
//! The name is predictable, so it is created exclusively, never through a symlink, and replaced only by its maker.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::Serialize;

/// `/tmp/clavain-dispatch-<pid>.json`, removed when dropped.
#[derive(Debug)]
pub struct InterlineFile {
    path: PathBuf,
    name: String,
    workdir: String,
    started: String,
}

#[derive(Serialize)]
struct Content<'a> {
    name: &'a str,
    workdir: &'a str,
    started: &'a str,
    activity: &'a str,
}

impl InterlineFile {
    /// Creates the file; an existing one, whoever made it, is left alone.
    pub fn create(pid: u32, name: &str, workdir: &str, started: &str) -> io::Result<Self> {
        let path = PathBuf::from(format!("/tmp/clavain-dispatch-{pid}.json"));
        let mut created = new_file(&path)?;
        // From here on it is ours to remove, and before it was not.
        let file =
            Self { path, name: name.to_owned(), workdir: workdir.to_owned(), started: started.to_owned() };
        created.write_all(&file.content("starting")?)?;
        Ok(file)
    }

    /// Replaces the activity.
    pub fn show(&self, activity: &str) -> io::Result<()> {
        let fresh = self.path.with_extension("json.new");
        let written = new_file(&fresh).and_then(|mut file| file.write_all(&self.content(activity)?));
        written.and_then(|()| fs::rename(&fresh, &self.path)).inspect_err(|_| {
            let _ = fs::remove_file(&fresh);
        })
    }

    fn content(&self, activity: &str) -> io::Result<Vec<u8>> {
        let content = Content { name: &self.name, workdir: &self.workdir, started: &self.started, activity };
        Ok(serde_json::to_vec(&content)?)
    }
}

impl Drop for InterlineFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// `O_EXCL` fails on anything that is there, a dangling symlink too.
fn new_file(path: &std::path::Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_a_name_make_no_invalid_json_and_the_file_goes_away() {
        let file = InterlineFile::create(std::process::id(), "a \"b\"", "/w", "t").unwrap();
        file.show("running `x \"y\"`").unwrap();
        let read: serde_json::Value = serde_json::from_slice(&fs::read(&file.path).unwrap()).unwrap();
        assert_eq!(read["name"], "a \"b\"");
        assert_eq!(read["activity"], "running `x \"y\"`");
        let path = file.path.clone();
        assert!(InterlineFile::create(std::process::id(), "second", "/w", "t").is_err());
        drop(file);
        assert!(!path.exists());
    }
}
