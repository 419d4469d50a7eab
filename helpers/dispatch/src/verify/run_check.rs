//! Runs one command to its end, its limit, or a cancel, whichever comes first. When it returns, nothing of the command
//! is alive, or what is alive is named. Knows nothing of packets and verdicts.

use std::io::Read;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clodex_os::process::Survivor;
use clodex_os::{Contained, ContainedCommand, ExitKind, Spawned};

use super::output::Output;
use crate::channel::{Channel, Message};
use crate::run_publisher::RunPublisher;

/// How long everything of a command may take to die.
const DEATH: Duration = Duration::from_secs(5);
/// How long streams may stay open after that.
const DRAIN: Duration = Duration::from_secs(1);

/// What became of a command.
#[derive(Debug)]
pub struct Ran {
    /// How it ended, or why it did not run to its end.
    pub end: End,
    /// From its start to its end.
    pub took: Duration,
    /// Its stdout.
    pub stdout: Output,
    /// Its stderr.
    pub stderr: Output,
    /// What could not be killed.
    pub survivors: Vec<Survivor>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exited(ExitKind),
    /// Killed at its limit.
    OutOfTime,
    /// Killed because somebody wants the run to end.
    Cancelled,
    /// It could not be started.
    NotStarted(String),
}

/// Runs it. Must be called on the main thread, whose end is the end of the containment.
pub fn run_check(
    command: ContainedCommand,
    limit: Option<Duration>,
    channel: &Channel,
    publisher: &mut RunPublisher,
) -> Ran {
    let begun = Instant::now();
    let spawned = match command.spawn() {
        Ok(spawned) => spawned,
        Err(error) => {
            let end = End::NotStarted(error.to_string());
            let (stdout, stderr) = (Output::default(), Output::default());
            return Ran { end, took: Duration::ZERO, stdout, stderr, survivors: vec![] };
        }
    };
    let Spawned { mut contained, ending, stdin, stdout, stderr } = spawned;
    publisher.started(&contained);
    drop(stdin);
    let (stdout, stderr) = (collected(stdout), collected(stderr));
    let tell = channel.sender.clone();
    // The loop may be gone when the end is told; then nobody needs it.
    thread::spawn(move || tell.send(Message::Ended(ending.wait())));
    let end = wait(&mut contained, limit.map(|limit| begun + limit), channel, publisher);
    let survivors = contained.wait_all_dead(Instant::now() + DEATH);
    let said = |stream: &Receiver<Output>| stream.recv_timeout(DRAIN).unwrap_or_default();
    Ran { end, took: begun.elapsed(), stdout: said(&stdout), stderr: said(&stderr), survivors }
}

fn wait(
    contained: &mut Contained,
    limit: Option<Instant>,
    channel: &Channel,
    publisher: &mut RunPublisher,
) -> End {
    let mut killed: Option<(End, Instant)> = None;
    loop {
        let due = killed.as_ref().map_or(limit, |(_, at)| Some(*at + DEATH));
        match channel.receive([due, publisher.next_show()].into_iter().flatten().min()) {
            Some(Message::Ended(ended)) => {
                return killed.map_or(End::Exited(ended.status), |(why, _)| why);
            }
            Some(Message::Stop) => {
                killed = Some((End::Cancelled, Instant::now()));
                contained.kill();
            }
            Some(
                Message::Stdout(_)
                | Message::Stderr(_)
                | Message::StdoutEnd
                | Message::StderrEnd
                | Message::Baseline(_)
                | Message::OutOfScope(_)
                | Message::Inbox,
            )
            | None => {}
        }
        publisher.show_again();
        if due.is_none_or(|due| Instant::now() < due) {
            continue;
        }
        if let Some((why, _)) = killed {
            return why;
        }
        killed = Some((End::OutOfTime, Instant::now()));
        contained.kill();
    }
}

/// Reads a stream on a thread of its own. What holds it open beyond the command's end must not hold us up.
fn collected(stream: impl Read + Send + 'static) -> Receiver<Output> {
    let (tell, told) = sync_channel(1);
    thread::spawn(move || tell.send(Output::read(stream)));
    told
}
