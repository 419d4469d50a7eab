//! Several sessions in one directory: each has its own runs, and hears of them alone.

use clodex_tests::Key;
use serde_json::json;

use super::Scene;

#[test]
fn two_sessions_in_one_directory_do_not_disturb_each_other() {
    let Some(scene) = Scene::real() else { return };
    let (one, other) = (scene.session(&[]), scene.session(&[]));
    scene.dispatch_in(&one, "ones");
    scene.dispatch_in(&other, "others");
    one.send("/exit");
    one.shows(&["❯ 1. Exit and stop tasks"]);
    one.press(Key::Enter);
    one.ended();
    assert_eq!(scene.until_ended("ones").0, "cancelled");
    assert_eq!(scene.state("others"), "live");
    scene.let_go_on("others");
    let screen = other.shows(&["Codex is done"]);
    assert_eq!(screen.matches("Background command").count(), 1, "{screen}");
    assert_eq!(scene.until_ended("others"), (json!("done"), json!("clean")));
}
