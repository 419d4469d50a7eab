//! The name of a run: `20260121T010203Z-worker-add-slug-tests-k3f9`.

use serde::{Deserialize, Serialize};

use crate::Mode;

const SLUG_MAX_CHARS: usize = 40;

/// Id of a run: UTC stamp, mode, slug and four random characters. Safe as a file name, unique under simultaneous starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that is no run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a run id (letters, digits and `-` only)")]
pub struct InvalidRunId(String);

impl RunId {
    /// Composes an id. `stamp` is UTC as `20260121T010203Z`, `random` is lower-case base 36.
    pub fn new(stamp: &str, mode: Mode, name: &str, random: &str) -> Self {
        Self(format!("{stamp}-{mode}-{}-{random}", slug(name)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = InvalidRunId;

    fn try_from(text: String) -> Result<Self, InvalidRunId> {
        let fits = !text.is_empty()
            && text.len() <= 120
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text)) } else { Err(InvalidRunId(text)) }
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Lower-case words joined by `-`: what remains of a name or objective in an id. What is too long ends with a whole
/// word, where there is more than one. Never empty.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if slug.len() >= SLUG_MAX_CHARS {
            if c.is_ascii_alphanumeric() {
                slug.truncate(slug.rfind('-').unwrap_or(SLUG_MAX_CHARS));
            }
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "run".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slug_keeps_words_and_is_never_empty() {
        assert_eq!(slug("Add  slug-tests: now!"), "add-slug-tests-now");
        assert_eq!(slug("日本語"), "run");
        assert_eq!(slug(&"word ".repeat(40)), "word-word-word-word-word-word-word-word");
        assert_eq!(
            slug("words that end just where the fortieth is"),
            "words-that-end-just-where-the-fortieth"
        );
        assert_eq!(slug(&"a".repeat(50)), "a".repeat(SLUG_MAX_CHARS));
    }

    #[test]
    fn an_id_that_leaves_its_directory_is_refused() {
        for bad in ["", "../x", "a/b", "-rf", "a b", "a.json"] {
            assert!(RunId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let id = RunId::new("20260121T010203Z", Mode::Worker, "add slug tests", "k3f9");
        assert_eq!(id.as_str(), "20260121T010203Z-worker-add-slug-tests-k3f9");
        assert_eq!(RunId::try_from(id.as_str().to_owned()), Ok(id));
    }
}
