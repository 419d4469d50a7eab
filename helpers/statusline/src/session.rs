//! What Claude Code tells of its session, as far as it matters here. Tolerant: anything else is no session.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;

/// Claude Code's JSON on stdin.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Session<'a> {
    /// The session's id.
    #[serde(borrow, rename = "session_id")]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    cwd: Cow<'a, str>,
    #[serde(borrow)]
    workspace: Workspace<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Workspace<'a> {
    #[serde(borrow)]
    current_dir: Cow<'a, str>,
    #[serde(borrow)]
    project_dir: Cow<'a, str>,
}

impl<'a> Session<'a> {
    /// Reads it; what is no such JSON is an empty session.
    pub fn read(input: &'a [u8]) -> Self {
        serde_json::from_slice(input).unwrap_or_default()
    }

    /// The directories that may lie in the project, the likeliest first.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        [&self.cwd, &self.workspace.current_dir, &self.workspace.project_dir]
            .into_iter()
            .filter(|directory| !directory.is_empty())
            .map(|directory| Path::new(directory.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_claude_code_sends_is_understood() {
        let session = Session::read(include_bytes!("../tests/claude_code_2.1.329.json"));
        assert_eq!(session.id, "fb497c7d-7744-46d6-a688-7c13f6335127");
        assert_eq!(session.directories().next(), Some(Path::new("/home/u/proj")));
    }

    #[test]
    fn anything_else_is_an_empty_session() {
        for input in [&b""[..], b"{", b"[]", b"null", br#"{"session_id":7}"#, b"\xff"] {
            assert_eq!(Session::read(input).directories().count(), 0);
        }
    }
}
