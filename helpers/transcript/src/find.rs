//! Where Claude Code keeps the transcript of a session: `projects/<work directory, with dashes>/<session id>.jsonl` below
//! its own directory. The id is unique, so the work directory need not be known.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Claude Code's own directory: `CLAUDE_CONFIG_DIR`, else `~/.claude`.
pub fn claude_dir(config_dir: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let named = config_dir.filter(|dir| !dir.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(Path::new(home.filter(|home| !home.is_empty())?).join(".claude")))
}

/// The transcript of this session, where there is one. Text that is no session id finds nothing.
pub fn find_transcript(claude_dir: &Path, session: &str) -> Option<PathBuf> {
    let is_id = !session.is_empty() && session.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name = is_id.then(|| format!("{session}.jsonl"))?;
    let projects = std::fs::read_dir(claude_dir.join("projects")).ok()?;
    projects.flatten().map(|project| project.path().join(&name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_its_id_in_whichever_project_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("projects/-home-me-shop");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("0a-1b.jsonl"), "").unwrap();
        assert_eq!(find_transcript(dir.path(), "0a-1b"), Some(project.join("0a-1b.jsonl")));
        for strange in ["", "0a", "../-home-me-shop/0a-1b", "0a-1b.jsonl"] {
            assert_eq!(find_transcript(dir.path(), strange), None, "{strange}");
        }
    }

    #[test]
    fn its_directory_can_be_named() {
        let (named, home) = (OsStr::new("/c"), OsStr::new("/home/me"));
        assert_eq!(claude_dir(Some(named), Some(home)), Some("/c".into()));
        assert_eq!(claude_dir(Some(OsStr::new("")), Some(home)), Some("/home/me/.claude".into()));
        assert_eq!(claude_dir(None, None), None);
    }
}
