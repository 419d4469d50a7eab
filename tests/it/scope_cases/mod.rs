//! The adversarial suite: what a worker may do outside its scope and how it may hide it, and what a careful one does
//! that must stay quiet. One row a case, through the whole dispatcher, with a stand-in that Codex's sandbox does not
//! hold back: found is what the verdict finds by itself.
//!
//! Every row shows that its harm was done, that nothing planted ran outside the worker, and that not a byte of the
//! repository, the user's own work in it included, changed between the last act of the worker and the end.

#![cfg(target_os = "linux")]

mod after;
mod dirty;
mod environment;
mod git_dir;
mod history;
mod ignored;
mod packets;
mod paths;
mod picture;
mod plain;
mod quiet;
mod real;
mod row;
mod runner;
mod stage;
mod submodules;

use runner::{run_all, run_all_with};

#[test]
fn plain_changes_are_found() {
    run_all(plain::ROWS);
}

#[test]
fn the_users_own_work_is_watched_and_stands_in_the_way() {
    run_all(dirty::ROWS);
}

#[test]
fn history_and_refs_are_never_in_scope() {
    run_all(history::ROWS);
}

#[test]
fn the_git_directory_is_never_in_scope_and_nothing_planted_runs() {
    run_all(git_dir::ROWS);
}

#[test]
fn what_git_does_not_show_is_seen() {
    run_all(ignored::ROWS);
}

#[test]
fn odd_names_and_detours_are_seen_through() {
    run_all(paths::ROWS);
}

#[test]
fn submodules_are_looked_into() {
    run_all(submodules::ROWS);
}

#[test]
fn nothing_lives_on_and_no_trail_is_forged() {
    run_all(after::ROWS);
}

#[test]
fn without_namespaces_nothing_lives_on_either() {
    run_all_with(after::ROWS, &["--containment", "best-effort"]);
}

#[test]
fn careful_work_is_quiet() {
    run_all(quiet::ROWS);
}

#[test]
fn the_environment_has_no_say() {
    run_all(environment::ROWS);
}

#[test]
fn packets_that_do_not_hold_are_refused() {
    run_all(packets::ROWS);
}
