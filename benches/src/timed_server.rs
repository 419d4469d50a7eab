//! An app-server that tells when it said what it says: this program, where a variable says so, since its arguments are
//! Codex's. A turn is as many pieces of a message as its text says, each of them the moment at which it was written.

use std::io::{self, BufRead as _, Write as _};
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Longer than it takes to show a piece: one does not wait for the other.
const SPACING: Duration = Duration::from_millis(3);

/// Makes a server of this program.
pub const SERVES: &str = "CLODEX_BENCH_SERVES";

/// Serves, when that is what this process was started for.
pub fn if_asked() -> Option<io::Result<()>> {
    std::env::var_os(SERVES).is_some().then(serve)
}

/// Now, on the clock that all processes share.
pub fn nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or_default()
}

fn serve() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let answer = |result: Value| say(&json!({ "id": asked["id"], "result": result }));
        match asked["method"].as_str().unwrap_or_default() {
            "initialize" => {
                answer(json!({ "userAgent": format!("codex/0.169.0 (asked at {})", nanoseconds()) }))?;
            }
            "initialized" => {}
            "thread/start" => {
                answer(json!({ "thread": { "id": "t", "status": { "type": "idle" } }, "model": "figures" }))?;
            }
            "turn/start" => {
                answer(json!({ "turn": { "id": "u", "status": "inProgress" } }))?;
                let pieces = asked["params"]["input"][0]["text"].as_str().and_then(|text| text.parse().ok());
                turn(pieces.unwrap_or_default())?;
            }
            _ => answer(json!({}))?,
        }
    }
    Ok(())
}

fn turn(pieces: usize) -> io::Result<()> {
    tell("turn/started", json!({ "turn": { "id": "u" } }))?;
    let mut whole = String::new();
    for _ in 0..pieces {
        thread::sleep(SPACING);
        let piece = format!("{}\n", nanoseconds());
        tell("item/agentMessage/delta", json!({ "itemId": "m", "delta": piece }))?;
        whole.push_str(&piece);
    }
    tell("item/completed", json!({ "item": { "id": "m", "type": "agentMessage", "text": whole } }))?;
    tell("turn/completed", json!({ "turn": { "id": "u", "status": "completed", "error": null } }))
}

fn tell(method: &str, mut params: Value) -> io::Result<()> {
    params["threadId"] = "t".into();
    params["turnId"] = "u".into();
    say(&json!({ "method": method, "params": params }))
}

fn say(message: &Value) -> io::Result<()> {
    let mut to = io::stdout().lock();
    to.write_all(format!("{message}\n").as_bytes())?;
    to.flush()
}
