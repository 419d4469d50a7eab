//! A session that forgets what it was about: it is told again of what runs, and its runs go on.

use serde_json::json;

use super::{Scene, say};

#[test]
fn after_clear_and_compact_claude_is_told_again_of_the_run_that_goes_on() {
    let Some(scene) = Scene::real() else { return };
    let claude = scene.session(&[]);
    scene.dispatch_in(&claude, "lasting");
    let news = format!("clodex: live Codex runs of this project: lasting ({})", scene.id("lasting"));
    let told = || scene.stage.model.asked().pop().unwrap().matches(&news).count();
    assert_eq!(told(), 0);
    claude.send("/clear");
    claude.play("first", json!([say("fresh")]));
    claude.shows(&["fresh"]);
    assert_eq!(told(), 1, "after /clear");
    claude.send("/compact");
    claude.shows(&["Compacted"]);
    claude.play("second", json!([say("compact")]));
    claude.shows(&["● compact"]);
    assert_eq!(told(), 1, "after /compact what was told before is gone");
    assert_eq!(scene.state("lasting"), "live");
    scene.let_go_on("lasting");
    assert_eq!(scene.until_ended("lasting"), (json!("done"), json!("clean")));
}
