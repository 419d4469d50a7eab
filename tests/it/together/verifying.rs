//! Checks that clodex runs while another worker is at work in the same tree.

use clodex_tests::Packet;
use serde_json::json;

use crate::stage::{Stage, clean, sh, step};

#[test]
fn what_another_worker_and_the_user_do_meanwhile_is_not_blamed_on_a_check() {
    let Some(stage) = Stage::real() else { return };
    let other = stage.at_work("other", "lib/", &[]);
    let check = format!("`until [ -e '{}' ]; do sleep 0.02; done`", stage.gate("checked").display());
    let script = json!([step(&[sh("echo done > src/a.txt; sleep 0.3")]), step(&[clean()])]);
    let packet = Packet::worker(&["src"]).checked_by(&[&check, "`grep -x done src/a.txt`"]).script(&script);
    let run = stage.begin("work", &packet, &stage.sandbox.repo(), &["--verify", "--on-violation", "restore"]);
    stage.sandbox.until_status(&run.id, |status| status["progress"]["phase"] == "verifying");
    stage.open("other");
    stage.until("repo/lib/other");
    stage.user("echo mine >> docs/d.txt; git commit -qm mine docs");
    let kept = stage.outside();
    stage.open("checked");
    let run = run.finish().exits(0);
    assert_eq!(stage.outside(), kept);
    let policy = run.policy();
    assert_eq!(policy["violations"], json!([]));
    let foreign = ["HEAD", "docs/d.txt", "lib/other", "refs/heads/main"];
    assert_eq!(policy["foreign"], json!(foreign), "{run:?}");
    let checks = run.json("verification.json");
    assert!(checks.as_array().unwrap().iter().all(|check| check["check"]["status"] == "passed"), "{checks}");
    let other = other.finish().exits(0);
    let foreign = ["HEAD", "docs/d.txt", "refs/heads/main", "src/a.txt"];
    assert_eq!(other.policy()["foreign"], json!(foreign));
    assert_eq!(stage.mounted(&["src", "lib"]), [""; 0]);
}
