//! What clodex adds to Codex's app-server. How soon something is said and shown is measured with a server that tells
//! when it said it, everything else with the real Codex and a model that answers at once.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::{ClientInfo, Input, ThreadSettings};
use clodex_codex::app_server::{AgentEvent, Agents, Client, Ended, ThreadWish, TurnSettings};
use clodex_json_rpc::lines;
use clodex_sim::responses::Script;
use clodex_sim::{CodexHome, ScriptedModel, npm_codex};
use serde_json::json;

use super::backends;
use crate::Effort;
use crate::measure::{Case, Cost, interleave, peak_bytes, percentile};
use crate::raw_client::RawClient;
use crate::scratch_dir::ScratchDir;
use crate::server;
use crate::table::{Aim, Table, Unit};
use crate::timed_server::{SERVES, nanoseconds};

/// What the model says.
const ANSWER: &str = "did it";
/// Turns that are measured at once.
const TURNS: usize = 10;
/// Threads on one server.
const THREADS: usize = 10;
const PATIENCE: Duration = Duration::from_mins(1);

pub fn figures(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    begun(scratch, effort, table)?;
    shown(scratch, effort, table)?;
    let codex = match npm_codex::fetch(&scratch.target().join("real-codex")) {
        Ok(codex) => codex.native,
        Err(why) => {
            table.missing("a turn on a warm thread / the barest loop", &why);
            return Ok(());
        }
    };
    let model = ScriptedModel::with_default(|_| says())?;
    CodexHome::new(model.port()).write(&scratch.path("real-home"))?;
    let real = Real { scratch, codex: &codex };
    turns(&real, effort, table)?;
    threads(&real, effort, table)?;
    backends::figures(scratch, effort, table, &codex)
}

fn says() -> Script {
    Script::from_json(json!([{ "do": [{ "say": ANSWER }] }])).expect("the script is one")
}

/// From the start of clodex-thread to what it says first.
fn begun(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for round in 0..=effort.rounds(40) {
        let mut thread = talking(scratch)?;
        thread.args(["-vv", "--no-stream", "1"]).stderr(Stdio::piped());
        let begun = nanoseconds();
        let mut thread = thread.spawn()?;
        let said = BufReader::new(thread.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let since = |at: u64| Duration::from_nanos(at.saturating_sub(begun)).as_secs_f64();
        for line in said.lines() {
            let (line, now) = (line?, nanoseconds());
            if line.starts_with("--> ") && line.contains("\"initialize\"") && round > 0 {
                sent.push(since(now));
            }
            let asked_at = line.split_once("(asked at ").and_then(|(_, rest)| rest.split_once(')'));
            if let Some(at) = asked_at.and_then(|(at, _)| at.parse().ok()).filter(|_| round > 0) {
                heard.push(since(at));
            }
        }
        ended_well(thread)?;
    }
    table.quantity("clodex-thread: start → `initialize` sent", &sent, Unit::Milliseconds, Aim::AtMost(5e-3));
    table.quantity("… → read by the contained server", &heard, Unit::Milliseconds, Aim::None);
    Ok(())
}

/// From what the server says to what clodex-thread prints, and to what the barest loop reads.
fn shown(scratch: &ScratchDir, effort: Effort, table: &mut Table) -> io::Result<()> {
    let pieces = effort.rounds(500);
    let mut thread = talking(scratch)?;
    let mut thread = thread.arg(pieces.to_string()).stdout(Stdio::piped()).spawn()?;
    let printed = BufReader::new(thread.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
    let mut late = Vec::new();
    for line in printed.lines() {
        let (line, now) = (line?, nanoseconds());
        late.extend(line.parse().ok().map(|at| lateness(at, now)));
    }
    ended_well(thread)?;
    let mut bare = RawClient::greet(&timed_server(scratch)?)?;
    let opened = bare.open(".")?;
    bare.begin(&opened, &pieces.to_string())?;
    let mut bare_late = Vec::new();
    for _ in 0..pieces {
        let line = bare.until("\"delta\":\"")?;
        let now = nanoseconds();
        let digits = line.split_once("\"delta\":\"").and_then(|(_, rest)| rest.split_once('\\'));
        bare_late.extend(digits.and_then(|(at, _)| at.parse().ok()).map(|at| lateness(at, now)));
    }
    if late.len() != pieces || bare_late.len() != pieces {
        return Err(io::Error::other(format!("{} of {pieces} pieces were shown", late.len())));
    }
    let (p50, p99) = (percentile(&late, 0.5), percentile(&late, 0.99));
    table.row(
        "server's event → clodex-thread's output, p50",
        p50,
        &late,
        Unit::Microseconds,
        Aim::AtMost(2e-3),
    );
    table.row(
        "server's event → clodex-thread's output, p99",
        p99,
        &late,
        Unit::Microseconds,
        Aim::AtMost(2e-3),
    );
    let bare_p50 = percentile(&bare_late, 0.5);
    table.row("server's event → the barest loop, p50", bare_p50, &bare_late, Unit::Microseconds, Aim::None);
    Ok(())
}

fn lateness(at: u64, now: u64) -> f64 {
    Duration::from_nanos(now.saturating_sub(at)).as_secs_f64()
}

/// Turns on a warm thread.
fn turns(real: &Real<'_>, effort: Effort, table: &mut Table) -> io::Result<()> {
    let mut bare = RawClient::greet(&real.server())?;
    let opened = bare.open(&real.workdir())?;
    let mut repl = Repl::start(real)?;
    let mut cases = [
        Case::new(|| {
            timed(|| {
                for turn in 0..TURNS {
                    bare.begin(&opened, "go")?;
                    if turn + 1 < TURNS {
                        bare.end()?;
                    }
                }
                // The answer counts; what follows it is waited for before the next turn.
                bare.until(&format!("\"text\":\"{ANSWER}\"")).map(drop)
            })
            .and_then(|cost| bare.end().map(|()| cost))
        }),
        Case::new(|| timed(|| repl.turns())),
    ];
    interleave(effort.rounds(20), &mut cases)?;
    let [bare, ours] =
        cases.map(|case| case.each(|cost: &Cost| cost.wall / u32::try_from(TURNS).unwrap_or(1)));
    table.quantity("a turn of the real Codex by the barest loop", &bare, Unit::Milliseconds, Aim::None);
    table.ratio("a turn on a warm thread of clodex-thread / the barest loop", &ours, &bare, Aim::AtMost(1.1));
    let peak = repl.peak_bytes();
    table.quantity("clodex-thread, peak memory", &[peak], Unit::Megabytes, Aim::AtMost(15e6));
    Ok(())
}

/// Ten threads at once on one server.
fn threads(real: &Real<'_>, effort: Effort, table: &mut Table) -> io::Result<()> {
    let mut bare = RawClient::greet(&real.server())?;
    let workdir = real.workdir();
    let opened = (0..THREADS).map(|_| bare.open(&workdir)).collect::<io::Result<Vec<_>>>()?;
    let (_server, from, to) = server::start(&real.server())?;
    let client = ClientInfo { name: "figures", version: "0" };
    let greeted = Client::greet(lines(from, to), client, soon()).map_err(io::Error::other)?;
    let mut agents = Agents::new(greeted.0);
    let names: Vec<String> = (0..THREADS).map(|number| format!("agent-{number}")).collect();
    for name in &names {
        let settings = ThreadSettings { cwd: Some(&workdir), ..ThreadSettings::default() };
        let fresh = ThreadWish::Fresh { ephemeral: false };
        agents.create(name, &fresh, settings, Some(soon())).map_err(io::Error::other)?;
    }
    all(&mut agents, |event| matches!(event, AgentEvent::Open(..)))?;
    let mut cases = [
        Case::new(|| {
            timed(|| {
                opened.iter().try_for_each(|thread| bare.begin(thread, "go"))?;
                bare.end()
            })
        }),
        Case::new(|| {
            timed(|| {
                for name in &names {
                    let input = [Input::Text { text: "go" }];
                    let sent = agents.send(name, &input, &TurnSettings::default(), Some(soon()));
                    sent.map_err(io::Error::other)?;
                }
                all(&mut agents, |event| matches!(event, AgentEvent::Ended(_, Ended::Well(_))))
            })
        }),
    ];
    interleave(effort.rounds(20), &mut cases)?;
    let [bare, ours] = cases.map(|case| case.each(|cost: &Cost| cost.wall));
    table.quantity("a turn on each of ten threads by the barest loop", &bare, Unit::Milliseconds, Aim::None);
    table.ratio(
        "a turn on each of ten threads by ten agents / the barest loop",
        &ours,
        &bare,
        Aim::AtMost(1.1),
    );
    Ok(())
}

/// Waits until this has happened to all agents.
fn all(agents: &mut Agents, is_it: impl Fn(&AgentEvent) -> bool) -> io::Result<()> {
    let mut left = THREADS;
    while left > 0 {
        match agents.next(Some(soon())) {
            Some(event) if is_it(&event) => left -= 1,
            Some(event @ (AgentEvent::Closed(_) | AgentEvent::Failed(..) | AgentEvent::Ended(..))) => {
                return Err(io::Error::other(format!("{event:?}")));
            }
            Some(_) => {}
            None => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    Ok(())
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

fn timed(work: impl FnOnce() -> io::Result<()>) -> io::Result<Cost> {
    let begun = Instant::now();
    work()?;
    Ok(Cost { wall: begun.elapsed(), ..Cost::default() })
}

/// The real Codex, with a model that answers at once.
struct Real<'a> {
    scratch: &'a ScratchDir,
    codex: &'a Path,
}

impl Real<'_> {
    fn server(&self) -> Command {
        let mut server = self.scratch.command(&self.codex.to_string_lossy());
        server.arg("app-server").env("CODEX_HOME", self.scratch.path("real-home"));
        server
    }

    fn workdir(&self) -> String {
        self.scratch.path("repo").display().to_string()
    }
}

/// clodex-thread, talked with over pipes.
struct Repl {
    thread: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Repl {
    fn start(real: &Real<'_>) -> io::Result<Self> {
        let mut thread = real.scratch.command("clodex-thread");
        thread
            .arg("--repl")
            .env("CODEX_HOME", real.scratch.path("real-home"))
            .env("CLODEX_CODEX", real.codex);
        let mut thread = thread.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(to), Some(from)) = (thread.stdin.take(), thread.stdout.take()) else {
            return Err(io::Error::other("a stream that was piped is not there"));
        };
        Ok(Self { thread, to, from: BufReader::new(from) })
    }

    /// Says everything at once: the next turn begins when the one before has ended.
    fn turns(&mut self) -> io::Result<()> {
        self.to.write_all("go\n".repeat(TURNS).as_bytes())?;
        let mut left = TURNS;
        let mut line = String::new();
        while left > 0 {
            line.clear();
            if self.from.read_line(&mut line)? == 0 {
                return Err(io::Error::other("clodex-thread has ended"));
            }
            left -= usize::from(line.trim_end() == ANSWER);
        }
        Ok(())
    }

    fn peak_bytes(&self) -> f64 {
        peak_bytes(self.thread.id())
    }
}

impl Drop for Repl {
    fn drop(&mut self) {
        // Its server ends with it, however it ends.
        let _ = self.thread.kill();
        let _ = self.thread.wait();
    }
}

/// This program, as the server that tells when it said what it says.
fn timed_server(scratch: &ScratchDir) -> io::Result<Command> {
    let mut timed_server = scratch.command(&std::env::current_exe()?.to_string_lossy());
    timed_server.arg("app-server").env(SERVES, "1");
    Ok(timed_server)
}

fn talking(scratch: &ScratchDir) -> io::Result<Command> {
    let mut thread = scratch.command("clodex-thread");
    thread.env("CLODEX_CODEX", std::env::current_exe()?).env(SERVES, "1");
    Ok(thread)
}

fn ended_well(mut child: Child) -> io::Result<()> {
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("clodex-thread ended with {status}")))
    }
}
