//! The same run over `codex exec` and over Codex's app-server: what is the same, and what only one of them can do.

use clodex_tests::Packet;
use serde_json::json;

use crate::stage::{Stage, clean, sh, step};

#[test]
fn a_run_over_the_app_server_ends_as_one_over_exec_does() {
    let Some(stage) = Stage::real() else { return };
    let script = json!([step(&[sh("echo b > src/b.txt")]), step(&[clean()])]);
    let packet = Packet::worker(&["src/"]).script(&script);
    let done = stage.packet(&packet, &["--backend", "app-server"]);
    done.exits(0).says(&["outcome  done (exit 0)", "verdict  clean (in a sandbox narrowed to the scope"]);
}
