//! The directory that a run leaves behind: where it may be, that git does not see it, and that a worker cannot forge it.

use clodex_tests::{Sandbox, clean_turn, sh};

#[test]
fn one_run_after_the_other_is_clean_and_git_sees_none_of_them() {
    let sandbox = Sandbox::new();
    for _ in 0..3 {
        let run = sandbox.dispatch(&clean_turn(&[]));
        assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    }
    assert_eq!(sandbox.git(&["status", "--porcelain", "--ignored"]), "!! .codex-dispatch/\n");
    let gitignore = sandbox.repo().join(".codex-dispatch/.gitignore");
    assert_eq!(std::fs::read_to_string(gitignore).unwrap(), "*\n");
}

#[test]
fn the_artifacts_of_an_earlier_run_are_nobodys_to_change() {
    let sandbox = Sandbox::new();
    let earlier = sandbox.dispatch(&clean_turn(&[]));
    let run =
        sandbox.dispatch(&clean_turn(&[sh("for f in .codex-dispatch/runs/*/seal.json; do echo > $f; done")]));
    let id = earlier.artifacts().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(run.told(), (6, "done".into(), "violation".into()));
    assert_eq!(run.violations(), [format!(".codex-dispatch/runs/{id}/seal.json")]);
}
