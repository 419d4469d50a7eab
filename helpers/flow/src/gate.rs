//! What a step has to show before others go on with it. A gate has evidence or fails: what is not known never passes,
//! and no amount of time does.

use clodex_core::{
    CheckStatus, ClaimedVerdict, PathKind, ScopeEntry, ScopeEntryError, ScopeRules, Verdict, cut, harmless,
};

use crate::check_report::Checked;
use crate::facts::{Checks, Facts};

/// So much is told of lines that were not run.
const NOT_RUN_COLUMNS: usize = 160;

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Nothing was changed out of scope.
    Clean,
    /// clodex's own checks passed.
    Verified,
    /// The worker says CLEAN.
    ClaimsClean,
    /// Each of these (written as a scope is: paths, directories, globs) was changed.
    Changed(Vec<String>),
    /// The answer follows this schema.
    Schema(String),
}

impl Gate {
    /// The gate, as the file writes it.
    pub fn shown(&self) -> String {
        match self {
            Self::Clean => "clean".to_owned(),
            Self::Verified => "verified".to_owned(),
            Self::ClaimsClean => "verdict: CLEAN".to_owned(),
            Self::Changed(paths) => format!("changed: {}", paths.join(", ")),
            Self::Schema(file) => format!("schema: {file}"),
        }
    }

    /// Whether a text can be looked for among the changed paths.
    pub fn check_path(path: &str) -> Result<(), String> {
        place(path).map(|_| ()).map_err(|error| error.to_string())
    }

    /// The evidence, or what is missing.
    pub fn judge(&self, facts: &Facts) -> Result<String, String> {
        match self {
            Self::Clean => match facts.verdict {
                Some(Verdict::Clean) => Ok("nothing was changed out of scope".to_owned()),
                Some(verdict) => Err(format!("the verdict is {verdict}")),
                None => Err("there is no verdict".to_owned()),
            },
            Self::Verified => match facts.checks {
                Checks::Passed => Ok(format!("clodex's own checks passed{}", not_run(&facts.checked))),
                Checks::Failed => Err("a check that clodex ran failed".to_owned()),
                Checks::CouldNotRun => Err("a check could not be run".to_owned()),
                Checks::None => Err("clodex ran no check".to_owned()),
            },
            Self::ClaimsClean => match &facts.claim {
                Some(ClaimedVerdict::Clean) => Ok("it says CLEAN".to_owned()),
                Some(ClaimedVerdict::NeedsAttention(why)) => Err(format!("it says NEEDS_ATTENTION: {why}")),
                None => Err("it says neither CLEAN nor NEEDS_ATTENTION".to_owned()),
            },
            Self::Changed(paths) => {
                let untouched: Vec<&str> =
                    paths.iter().map(String::as_str).filter(|path| !is_among(path, &facts.changed)).collect();
                if untouched.is_empty() {
                    return Ok(format!("{} were changed", paths.join(", ")));
                }
                Err(format!("not changed: {}", untouched.join(", ")))
            }
            Self::Schema(file) if facts.follows_schema => Ok(format!("the answer follows {file}")),
            Self::Schema(file) => Err(format!("there is no answer that follows {file}")),
        }
    }
}

/// What nobody ran is told where the rest counts: a line that reads like a sentence may have been meant as a command.
fn not_run(checked: &[Checked]) -> String {
    let lines: Vec<&str> = checked
        .iter()
        .filter(|one| one.status == CheckStatus::NotRun)
        .map(|one| one.command.as_str())
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("; not run, for they are for reading: {}", cut(&harmless(&lines.join(" · ")), NOT_RUN_COLUMNS))
}

fn is_among(wanted: &str, changed: &[String]) -> bool {
    place(wanted).is_ok_and(|place| changed.iter().any(|path| place.allows(path.as_bytes())))
}

/// What an entry stands for, from the top of the tree on. What lies there is no matter: a file, or a directory with all
/// below it.
fn place(entry: &str) -> Result<ScopeRules, ScopeEntryError> {
    // Where the tree lies is not known here.
    if entry.trim_start().starts_with('/') {
        return Err(ScopeEntryError::Outside(entry.to_owned()));
    }
    let entry = ScopeEntry::parse(entry, b"", b"")?;
    Ok(ScopeRules::new(vec![entry], |_| PathKind::Missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;

    #[test]
    fn what_is_shown_passes() {
        let changed = |paths: &[&str]| Gate::Changed(paths.iter().map(|path| (*path).to_owned()).collect());
        for gate in [
            Gate::Clean,
            Gate::Verified,
            Gate::ClaimsClean,
            changed(&["src/a.rs"]),
            changed(&["src", "./src/deep/", "src/*.rs", "**/b.rs", "{src,lib}/a.rs", "s*/"]),
        ] {
            assert!(gate.judge(&well()).is_ok(), "{}", gate.shown());
        }
        let facts = Facts { follows_schema: true, ..well() };
        assert!(Gate::Schema("x.json".into()).judge(&facts).is_ok());
    }

    #[test]
    fn what_is_not_known_does_not_pass() {
        let nothing = Facts { claim: None, verdict: None, changed: vec![], checks: Checks::None, ..well() };
        for gate in [
            Gate::Clean,
            Gate::Verified,
            Gate::ClaimsClean,
            Gate::Changed(vec!["src/".into()]),
            Gate::Schema("x.json".into()),
        ] {
            assert!(gate.judge(&nothing).is_err(), "{}", gate.shown());
        }
        let unknown = Facts { verdict: Some(Verdict::Unknown), checks: Checks::CouldNotRun, ..well() };
        assert!(Gate::Clean.judge(&unknown).is_err() && Gate::Verified.judge(&unknown).is_err());
    }

    #[test]
    fn a_glob_stays_in_its_directory_and_a_name_is_no_beginning_of_another() {
        for path in ["*.rs", "src/dee", "src/a", "lib/"] {
            let told = Gate::Changed(vec![path.to_owned()]).judge(&well());
            assert_eq!(told, Err(format!("not changed: {path}")));
        }
    }

    #[test]
    fn what_can_be_in_no_scope_cannot_be_asked_for() {
        for path in ["", "../up", "/etc/passwd", ".git/config", "src/[a"] {
            assert!(Gate::check_path(path).is_err(), "{path}");
        }
        assert!(Gate::check_path("src/[ab].rs").is_ok());
    }
}
