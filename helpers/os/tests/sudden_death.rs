//! SIGKILL at random moments of whoever takes part: within two seconds nothing of the run lives.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what fails here fails its test")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use clodex_core::ContainmentWish;
use clodex_os::{ContainedCommand, process};
use support::{PATIENCE, User, WRAPPER, alive, marker, nasty, wait_for};

const ROLE: &str = "CLODEX_TEST_OWNER";

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Owner,
    Wrapper,
    Holder,
    Program,
}

fn rounds() -> u32 {
    std::env::var("CLODEX_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20)
}

/// Moments from 0 to 30 ms, other ones in every run.
fn moment(round: u32) -> Duration {
    let noise = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    Duration::from_micros(u64::from(noise.wrapping_mul(round * 2 + 1) % 30_000))
}

/// Not a test: the process that owns a run, played by this program when another test starts it so.
#[test]
#[ignore = "a role that other tests start"]
fn role_owner() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (containment, marker) = role.split_once(' ').unwrap();
    let wish = if containment == "kernel" { ContainmentWish::Kernel } else { ContainmentWish::BestEffort };
    process::adopt_orphans();
    let command = ContainedCommand::new(Path::new(WRAPPER), "sh", format!("run-{marker}"));
    let mut spawned = command.containment(wish).args(["-c", &nasty(marker)]).spawn().unwrap();
    let held = &spawned.contained;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nPIDS {} {} {}", held.wrapper().pid, held.holder().pid, held.program().pid).unwrap();
    spawned.ending.wait();
    let survivors = spawned.contained.wait_all_dead(Instant::now() + PATIENCE);
    let left: Vec<String> = alive(marker);
    writeln!(stdout, "\nDEAD {survivors:?} {left:?}").unwrap();
}

struct Owner {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Owner {
    fn start(user: User, containment: &str, marker: &str) -> Self {
        let mut command = user.command(std::env::current_exe().unwrap());
        command.args(["--exact", "role_owner", "--ignored", "--nocapture"]);
        command.env(ROLE, format!("{containment} {marker}")).current_dir("/");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn hear(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stdout.read_line(&mut line).unwrap() > 0,
                "the owner ended without a word of {word}"
            );
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kill(pid: &str) {
    // It may have ended in the same moment.
    let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
}

fn play(victim: Victim, containment: &str, round: u32) {
    let user = if round.is_multiple_of(2) { User::Caller } else { User::Ordinary };
    let marker = marker();
    let what = format!("{victim:?} of {user:?} under {containment}, round {round}");
    let mut owner = Owner::start(user, containment, &marker);
    if victim == Victim::Owner {
        // From before it has started anything until everything runs.
        std::thread::sleep(moment(round) * 2);
        owner.child.kill().unwrap();
        owner.child.wait().unwrap();
    } else {
        let pids: Vec<String> = owner.hear("PIDS ").split(' ').map(str::to_owned).collect();
        std::thread::sleep(moment(round));
        kill(&pids[victim as usize - 1]);
        assert_eq!(owner.hear("DEAD "), "[] []", "{what}");
    }
    let begun = Instant::now();
    wait_for(&format!("{what}: all to die"), PATIENCE, || alive(&marker).is_empty().then_some(()));
    // Two seconds are promised; how long it takes beside everything else that the machine does, it tells.
    println!("{what}: gone in {:?}", begun.elapsed());
}

fn play_all(victim: Victim) {
    for round in 0..rounds() {
        play(victim, "kernel", round);
        play(victim, "best-effort", round);
    }
}

#[test]
fn a_killed_owner_leaves_nothing() {
    play_all(Victim::Owner);
}

#[test]
fn a_killed_wrapper_leaves_nothing() {
    play_all(Victim::Wrapper);
}

#[test]
fn a_killed_holder_leaves_nothing() {
    play_all(Victim::Holder);
}

#[test]
fn a_killed_program_leaves_nothing() {
    play_all(Victim::Program);
}

#[test]
fn the_count_of_the_living_sees_what_nobody_holds() {
    // The control: the same command without containment is seen to live on.
    let marker = marker();
    let script = format!("setsid sleep {marker} </dev/null >/dev/null 2>&1 &");
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let line = wait_for("the sleep to be seen", PATIENCE, || alive(&marker).into_iter().next());
    kill(line.split(' ').next().unwrap());
    wait_for("the sleep to end", PATIENCE, || alive(&marker).is_empty().then_some(()));
}
