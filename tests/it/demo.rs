//! The demo goes as it says, also where there is no Codex at all.

use clodex_tests::{LIMIT, Sandbox, run_with_timeout};

#[test]
fn the_demo_with_the_stand_in_shows_one_that_stays_and_one_that_is_found_out() {
    let sandbox = Sandbox::bare();
    let mut demo = sandbox.command("clodex-demo");
    // The binaries are built already.
    demo.arg("--stand-in")
        .env("CARGO", "true")
        .env("XDG_CACHE_HOME", sandbox.root())
        .current_dir(sandbox.root());
    let output = run_with_timeout(demo, LIMIT);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    let said: Vec<&str> = shown.lines().filter(|line| line.starts_with("verdict  ")).collect();
    assert!(
        matches!(said[..], [stays, leaves] if stays.contains("clean") && leaves.contains("violation")),
        "{said:?}"
    );
    assert!(shown.contains("left out: the stand-in has no sandbox"), "{shown}");
}
