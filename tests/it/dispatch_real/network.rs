//! What the commands of a worker can reach: their own loopback, nothing of the host's, and what a user hears of it.

use std::net::TcpListener;

use clodex_sim::CodexHome;
use clodex_tests::{Packet, text};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, sh, step};

/// A packet whose worker does these things, one after the other, whatever comes of each.
fn doing(packet: Packet, acts: &[Value]) -> Packet {
    let mut script: Vec<Value> = acts.iter().map(|act| step(std::slice::from_ref(act))).collect();
    script.push(step(&[clean()]));
    packet.script(&Value::Array(script))
}

/// Asks the proxy for a service of the host, which it would reach.
const ASK_PROXY: &str = "import sys, urllib.request
try: print(urllib.request.urlopen(\"http://127.0.0.1:\" + sys.argv[1], timeout=5).status)
except Exception as error: print(error)";

#[test]
fn loopback_is_the_sandboxs_own_and_the_hosts_is_out_of_reach() {
    let Some(stage) = Stage::real() else { return };
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let port = host.local_addr().unwrap().port();
    let server = Stage::model_program();
    let acts = [
        sh(&format!(
            "cd src; {server} --port-file $TMPDIR/port & until [ -s $TMPDIR/port ]; do sleep 0.05; done; \
             exec 3<>/dev/tcp/127.0.0.1/$(cat $TMPDIR/port) && echo yes > inside; kill %1"
        )),
        sh(&format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo yes > src/host; sleep 0.3")),
        sh(&format!("NO_PROXY= no_proxy= python3 -c '{ASK_PROXY}' {port} > src/proxy; sleep 0.3")),
    ];
    let run = stage.packet(&doing(Packet::worker(&["src"]), &acts), &[]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["src/inside", "src/proxy"]));
    // Codex ends what asks for a host that is closed, sometimes before it has read the answer.
    let answer = text(stage.sandbox.repo().join("src/proxy"));
    assert!(!answer.starts_with("200"), "{answer}");
    assert!(host.accept().is_err(), "nobody came");
}

/// A test suite that talks to a server of its own.
const ASK_ITSELF: &str = "import http.server as h, threading, urllib.request as r
s = h.HTTPServer((\"127.0.0.1\", 0), h.SimpleHTTPRequestHandler)
threading.Thread(target=s.serve_forever, daemon=True).start()
print(r.urlopen(\"http://127.0.0.1:%d\" % s.server_port, timeout=5).status)";

#[test]
fn where_a_network_is_allowed_http_to_loopback_has_to_pass_the_proxy_by() {
    let Some(stage) = Stage::real() else { return };
    let packet = Packet::worker(&["src"]).with("NETWORK: crates.io");
    let ask = sh(&format!("NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 python3 -c '{ASK_ITSELF}' > src/answer"));
    let run = stage.packet(&doing(packet, &[ask]), &[]).exits(0);
    assert!(run.artifact("prompt.md").contains("`NO_PROXY=localhost,127.0.0.1,::1`"));
    assert_eq!(text(stage.sandbox.repo().join("src/answer")), "200\n");
}

#[test]
fn what_the_users_own_configuration_opens_is_told() {
    let Some(stage) = Stage::real() else { return };
    let theirs = "[features.network_proxy]\nenabled = true\ndomains = { \"example.org\" = \"allow\" }\n";
    stage.sandbox.codex_home_is(&CodexHome::new(stage.model.port()).sections(theirs));
    let packet = Packet::worker(&["src"]);
    for (packet, told) in [
        (
            packet.clone(),
            "the network proxy is off, and loopback with it: Codex's configuration opens it to example.org",
        ),
        (packet.with("NETWORK: crates.io"), "Codex's configuration opens the network to example.org, too"),
    ] {
        let run = stage.packet(&doing(packet, &[]), &[]).exits(0);
        run.says(&[told]);
        assert_eq!(run.policy()["notes"], json!([told]));
    }
}
