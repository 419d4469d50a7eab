//! What a user reads of what was found: commits, who did what, and what the sandbox refused.

use clodex_tests::{Codex, Packet, Sandbox, clean_turn, dispatched, sh};
use serde_json::json;

#[test]
fn commits_that_the_packet_allows_are_listed_and_others_are_violations() {
    let sandbox = Sandbox::new();
    let dispatch = |act: &str| {
        sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[sh(act)]) })));
        let packet = sandbox.packet(&Packet::worker(&["src/"]).with("ALLOW COMMIT: yes"));
        dispatched(sandbox.dispatcher(&["--task", packet.to_str().unwrap()]))
    };
    let run = dispatch("echo more >> src/a.txt; git commit -qam 'a: more'");
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    let id = sandbox.git(&["rev-parse", "--short=10", "HEAD"]);
    let shown = format!("{} a: more", id.trim());
    run.says(&[&format!("\ncommits (1)\n  {shown}\n")]);
    assert_eq!(run.policy()["commits"], json!([shown]));

    let run = dispatch("echo more >> lib/x.txt; git commit -qam 'x: more'");
    assert_eq!(
        (run.code, run.violations()),
        (6, ["HEAD", "lib/x.txt", "refs/heads/main"].map(str::to_owned).to_vec())
    );
}
