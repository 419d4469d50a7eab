//! What one check found, and how it is told: a line for people, an object for programs.

use std::fmt::Write as _;
use std::time::Duration;

use clodex_core::harmless;
use serde::Serialize;

/// What took longer than this is said with the time that it took.
const SLOW: Duration = Duration::from_millis(500);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and less well than it could.
    Warn,
    /// Something does not work.
    Fail,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check, one word.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do about it; none where all is well.
    pub hint: Option<String>,
    /// Milliseconds that the check took.
    pub took_ms: u64,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, what: what.into(), hint: None, took_ms: 0 }
    }

    /// It works, and less well than it could.
    pub fn warn(check: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, what: what.into(), hint: Some(hint.into()), took_ms: 0 }
    }

    /// Something does not work.
    pub fn fail(check: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, what: what.into(), hint: Some(hint.into()), took_ms: 0 }
    }

    /// One line, and one for the hint.
    pub fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let mut line = format!("{level}  {:<12} {}", self.check, one_line(&self.what));
        let took = Duration::from_millis(self.took_ms);
        // Writing to a string cannot fail.
        if took >= SLOW {
            let _ = write!(line, " [{:.1} s]", took.as_secs_f64());
        }
        if let Some(hint) = &self.hint {
            let _ = write!(line, "\n      hint: {}", one_line(hint));
        }
        line + "\n"
    }
}

/// What programs and files say may have lines, and what a terminal would obey.
fn one_line(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| harmless(line.trim())).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_and_its_hint_another_whatever_is_told() {
        let told = Finding { took_ms: 1_540, ..Finding::warn("disk", "5 GB\nin \x1b[31mall", "look") }.text();
        assert_eq!(told.lines().count(), 2, "{told}");
        assert!(
            told.starts_with("warn  disk         5 GB; in ") && told.contains(" [1.5 s]\n      hint: look\n")
        );
        assert!(!told.contains('\x1b'), "{told}");
        assert_eq!(Finding::ok("git", "2.50").text(), "ok    git          2.50\n");
    }

    #[test]
    fn to_fail_is_worse_than_to_warn() {
        assert!(Level::Ok < Level::Warn && Level::Warn < Level::Fail);
    }
}
