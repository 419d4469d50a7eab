//! What a worker tries that knows how its sandbox is made: each command gets a new one, and in between it can move things.

use std::fs;

use clodex_tests::Packet;
use serde_json::{Value, json};

use crate::stage::{Stage, clean, sh, step};

/// A packet whose worker runs these commands, each in a sandbox of its own.
fn running(packet: Packet, commands: &[&str]) -> Packet {
    let mut script: Vec<Value> =
        commands.iter().map(|command| step(&[sh(&format!("{command}; sleep 0.3"))])).collect();
    script.push(step(&[clean()]));
    packet.script(&Value::Array(script))
}

#[test]
fn a_granted_directory_that_is_replaced_by_a_symlink_opens_nothing() {
    let Some(stage) = Stage::real() else { return };
    let elsewhere = stage.sandbox.root().join("elsewhere");
    for (packet, inner) in [
        (Packet::worker(&["."]).with("BY-PRODUCTS: src/build"), "src/build"),
        (Packet::worker(&["src/", "src/m/n/k", "src/m/o/"]), "src/m/o"),
    ] {
        fs::create_dir(&elsewhere).unwrap();
        let (outer, _) = inner.rsplit_once('/').unwrap();
        let swap = format!("mv {outer} {outer}2; mkdir {outer}; ln -s {} {inner}", elsewhere.display());
        let packet =
            running(packet, &[&format!("mkdir -p {outer}; cd .; {swap}"), &format!("echo x > {inner}/x")]);
        stage.packet(&packet, &["--allow-dirty-overlap"]);
        assert!(fs::remove_dir(&elsewhere).is_ok(), "{inner}: written outside the repository");
        stage.sandbox.git(&["clean", "-qffdx", "-e", ".codex-dispatch"]);
        stage.sandbox.git(&["checkout", "-q", "."]);
    }
}

#[test]
fn a_held_directory_that_is_moved_away_and_back_is_found() {
    let Some(stage) = Stage::real() else { return };
    let nested = stage.sandbox.repo().join("lib/nested");
    fs::create_dir(&nested).unwrap();
    stage.sandbox.git(&["-C", nested.to_str().unwrap(), "init", "-q"]);
    let packet = running(
        Packet::worker(&["."]),
        &["mv lib lib2", "echo '[a]' >> lib2/nested/.git/config", "rm -r lib; mv lib2 lib"],
    );
    let run = stage.packet(&packet, &["--allow-dirty-overlap"]).exits(6);
    assert!(run.violations().iter().any(|path| path.contains("nested")), "{:?}", run.violations());
    assert_eq!(run.policy()["foreign"], json!([]));
}
