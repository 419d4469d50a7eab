//! What is configured: files of settings that cannot be read, variables that are set, the toggle.

use std::path::Path;

use clodex_core::{Layer, harmless};
use clodex_os::ConfigFiles;

use super::finding::Finding;

/// Not settings, but how programs of ours tell each other things.
const NOT_SETTINGS: [&str; 4] = ["CLODEX_RUN_ID", "CLODEX_SHIM", "CLODEX_PLUGIN_ROOT", "CLODEX_TEST_MARKER"];
const TOGGLE: &str = ".claude/clodex-toggle.flag";
const TOGGLE_MAX_BYTES: u64 = 4096;

/// One finding for each problem; one that all is well.
pub fn check_files(project: &Path) -> Vec<Finding> {
    let (names, problems) = match ConfigFiles::read(project) {
        Err(error) => (Vec::new(), vec![error.to_string()]),
        Ok(files) => {
            let names = files.names().map(str::to_owned).collect();
            (names, files.problems().iter().map(ToString::to_string).collect())
        }
    };
    let environment =
        Layer::from_environment(|name| std::env::var_os(name)).err().map(|error| error.to_string());
    judge_files(&names, &problems.into_iter().chain(environment).collect::<Vec<_>>())
}

fn judge_files(names: &[String], problems: &[String]) -> Vec<Finding> {
    let check = "config";
    if !problems.is_empty() {
        let told = |problem: &String| {
            let (what, hint) = problem.split_once("hint: ").unwrap_or((problem, "correct it"));
            Finding::fail(check, what.trim(), hint.trim())
        };
        return problems.iter().map(told).collect();
    }
    let what = if names.is_empty() { "no files of settings".to_owned() } else { names.join(", ") };
    vec![Finding::ok(check, what)]
}

/// Which switches are set: the toggle of this project, and variables.
pub fn check_toggles(project: &Path) -> Finding {
    let flag = clodex_os::read_regular(&project.join(TOGGLE), TOGGLE_MAX_BYTES).ok();
    let flag = flag.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let mut variables: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CLODEX_") && !NOT_SETTINGS.contains(&name.as_str()))
        .collect();
    variables.sort();
    judge_toggles(flag.as_deref(), &variables)
}

fn judge_toggles(flag: Option<&str>, variables: &[String]) -> Finding {
    let toggle = match flag {
        None => "the toggle is off".to_owned(),
        Some(word) => format!("the toggle is `{}` here ({TOGGLE})", harmless(word)),
    };
    let set = if variables.is_empty() { String::new() } else { format!("; set: {}", variables.join(", ")) };
    Finding::ok("switches", toggle + &set)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn each_broken_file_is_a_failure_of_its_own() {
        let problems = ["cannot read `a`: line 2\n  hint: correct the file".to_owned(), "b".to_owned()];
        let found = judge_files(&[], &problems);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|finding| finding.level == Level::Fail));
        assert_eq!(
            (found[0].what.as_str(), found[0].hint.as_deref()),
            ("cannot read `a`: line 2", Some("correct the file"))
        );
        assert_eq!(judge_files(&["x".into()], &[])[0], Finding::ok("config", "x"));
    }

    #[test]
    fn the_toggle_and_the_variables_are_said() {
        let project = tempfile::tempdir().unwrap();
        assert!(check_toggles(project.path()).what.contains("the toggle is off"));
        fs::create_dir(project.path().join(".claude")).unwrap();
        fs::write(project.path().join(TOGGLE), "deny\n").unwrap();
        assert!(check_toggles(project.path()).what.contains("the toggle is `deny` here"));
        assert!(judge_toggles(None, &["CLODEX_TIER".into()]).what.ends_with("; set: CLODEX_TIER"));
    }
}
