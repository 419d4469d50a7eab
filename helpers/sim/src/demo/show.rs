//! What the demo puts on the terminal.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::peer::Peer;

/// Between two looks at the live line where there is no terminal to draw it on.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// A heading.
pub fn title(text: &str) {
    println!("\n== {text}");
}

/// A remark.
pub fn remark(text: &str) {
    println!("   {text}");
}

/// A file, indented.
pub fn quote(text: &str) {
    for line in text.trim_end().lines() {
        println!("   | {line}");
    }
    println!();
}

/// Dispatches a packet; shows the live line while it runs and the report at its end.
pub fn dispatch(
    binaries: &Path,
    root: &Path,
    packet: &Path,
    args: &[&str],
    peer: &Peer,
) -> Result<i32, String> {
    let mut dispatcher = helper(binaries, "clodex-dispatch", root, peer);
    dispatcher.arg("--task").arg(packet).args(args).current_dir(root.join("repo"));
    let shown: String = args.iter().flat_map(|arg| [" ", arg]).collect();
    println!("$ clodex-dispatch --task {}{shown}", packet.file_name().unwrap_or_default().display());
    let child = dispatcher.spawn().map_err(|error| format!("cannot start clodex-dispatch: {error}"))?;
    let status = if std::io::stderr().is_terminal() {
        wait(child)
    } else {
        wait_with_statusline(child, || statusline(binaries, root, peer))
    };
    let code = status.map_err(|error| format!("cannot wait for clodex-dispatch: {error}"))?;
    println!("\n$ echo $?\n{code}");
    Ok(code)
}

fn wait(mut child: Child) -> std::io::Result<i32> {
    Ok(child.wait()?.code().unwrap_or(-1))
}

/// Prints each new live line until the child has ended.
fn wait_with_statusline(child: Child, line: impl Fn() -> String) -> std::io::Result<i32> {
    let (ended, has_ended) = channel();
    let waiting = thread::spawn(move || {
        let code = wait(child);
        let _ = ended.send(());
        code
    });
    let mut last = String::new();
    while has_ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let now = line();
        if !now.is_empty() && now != last {
            println!("{now}");
            last = now;
        }
    }
    waiting.join().unwrap_or_else(|_| Err(std::io::Error::other("the waiting thread panicked")))
}

/// What Claude Code's statusline would show now.
fn statusline(binaries: &Path, root: &Path, peer: &Peer) -> String {
    let mut statusline = helper(binaries, "clodex-statusline", root, peer);
    let Ok(mut child) = statusline.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        return String::new();
    };
    if let Some(mut stdin) = child.stdin.take() {
        let input = serde_json::json!({"session_id": "demo", "cwd": root.join("repo"), "workspace": {"current_dir": root.join("repo")}});
        let _ = stdin.write_all(input.to_string().as_bytes());
    }
    let said = child.wait_with_output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).trim_end().to_owned()
}

fn helper(binaries: &Path, name: &str, root: &Path, peer: &Peer) -> Command {
    let mut helper = Command::new(binaries.join(name));
    if !peer.env.is_empty() {
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_settings(name)) {
            helper.env_remove(name);
        }
    }
    if !std::io::stdout().is_terminal() {
        helper.env("NO_COLOR", "1");
    }
    helper.envs(peer.env.iter().cloned()).env("CLODEX_STATE_DIR", root.join("state"));
    helper
}

/// The user's own settings have no place in an offline demo.
fn is_settings(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        name.starts_with("CLODEX_") || name.starts_with("CODEX_") || name.starts_with("XDG_")
    })
}
