//! What a command sees and does under `clodex-contain`, and what is left of it: nothing.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what fails here fails its test")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clodex_core::{Containment, ContainmentWish};
use clodex_os::process::{self, ProcessHandle, ProcessId};
use clodex_os::{ContainedCommand, Ended, ExitKind, Spawned};
use support::{PATIENCE, User, WRAPPER, alive, marker, nasty, wait_for};

/// How many processes [`nasty`] leaves at least when its own shell ends.
const NASTY_LEAVES: u32 = 7;
const BOTH: [&str; 2] = ["kernel", "best-effort"];
const USERS: [User; 2] = [User::Caller, User::Ordinary];

fn wrapper(user: User, containment: &str) -> Command {
    let mut command = user.command(WRAPPER);
    command.args(["--containment", containment]).current_dir("/");
    command
}

fn run(user: User, containment: &str, script: &str) -> Output {
    wrapper(user, containment).args(["--", "sh", "-c", script]).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn start_and_await_ready(command: &mut Command) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn nothing_of_a_command_lives_when_the_wrapper_has_ended() {
    for (user, containment) in USERS.into_iter().flat_map(|user| BOTH.map(|how| (user, how))) {
        let marker = marker();
        let script = nasty(&marker).replace(&format!("echo ready; sleep {marker}; :"), "exit 3");
        let output = run(user, containment, &script);
        assert_eq!(alive(&marker), Vec::<String>::new(), "{user:?} {containment}");
        assert_eq!(output.status.code(), Some(3), "{user:?} {containment}: {}", text(&output.stderr));
    }
}

#[test]
fn exit_codes_and_signals_are_passed_through() {
    for containment in BOTH {
        for (script, wanted) in
            [("exit 0", 0), ("exit 42", 42), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
        {
            let output = run(User::Caller, containment, script);
            assert_eq!(output.status.code(), Some(wanted), "{containment}: {script}");
        }
    }
}

#[test]
fn failures_of_the_wrapper_have_their_own_exit_codes_and_hints() {
    for containment in BOTH {
        for (program, wanted) in [("no-such-program", 127), ("/etc/passwd", 126)] {
            let output = wrapper(User::Caller, containment).arg(program).output().unwrap();
            assert_eq!(output.status.code(), Some(wanted), "{containment}");
            let message = text(&output.stderr);
            assert!(message.starts_with(&format!("clodex-contain: cannot run `{program}`: ")), "{message}");
            assert!(message.contains("\nhint: "), "{message}");
        }
    }
    for arguments in [&["--bogus", "x"][..], &[], &["--owner-fd", "99", "true"]] {
        let output = Command::new(WRAPPER).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(text(&output.stderr).contains("\nhint: "), "{arguments:?}");
    }
}

#[test]
fn streams_are_the_commands_own() {
    for containment in BOTH {
        let mut command = wrapper(User::Caller, containment);
        command.args(["--", "sh", "-c", "cat; echo err >&2; exec 1>&-; exec 0<&-; sleep 0.3"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let payload = vec![b'x'; 300_000];
        let mut stdin = child.stdin.take().unwrap();
        let expected = payload.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&payload));
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut child.stdout.take().unwrap(), &mut said).unwrap();
        // End of file came with the command's close, not with the wrapper's end.
        assert!(child.try_wait().unwrap().is_none(), "{containment}");
        writer.join().unwrap().unwrap();
        assert_eq!(said, expected, "{containment}");
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), "err\n"), "{containment}");
    }
}

#[test]
fn a_command_leads_its_own_session_and_group() {
    for containment in BOTH {
        let output = run(User::Caller, containment, "exec cut -d ' ' -f 1,5,6 /proc/self/stat");
        let ids: Vec<&str> = text(&output.stdout).split_whitespace().collect();
        assert_eq!(ids, [ids[0]; 3], "{containment}");
    }
}

#[test]
fn a_namespace_shows_its_own_processes_only_and_keeps_the_user() {
    for user in USERS {
        let output =
            run(user, "kernel", "id -u; id -g; ls -d /proc/[0-9]* | wc -l; stat -c %u /proc/1/../..");
        let direct = user.command("sh").args(["-c", "id -u; id -g"]).output().unwrap();
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        let count: u32 = lines[2].parse().unwrap();
        assert!(count <= 5, "{user:?}: {count} processes");
        assert_eq!(lines[..2], text(&direct.stdout).lines().collect::<Vec<_>>(), "{user:?}");
    }
}

#[test]
fn root_keeps_all_users_in_its_namespace() {
    let own =
        run(User::Caller, "kernel", "cat /proc/self/uid_map; chown 1234 /proc/self/fd 2>/dev/null; id -u");
    let is_root = text(&own.stdout).lines().last() == Some("0");
    let map: Vec<&str> = text(&own.stdout).split_whitespace().take(3).collect();
    let wanted = if is_root { std::fs::read_to_string("/proc/self/uid_map").unwrap() } else { String::new() };
    let wanted: Vec<&str> = wanted.split_whitespace().take(3).collect();
    assert!(!is_root || map == wanted, "{map:?} is not {wanted:?}");
}

#[test]
fn a_private_tmp_is_the_commands_alone() {
    for user in USERS {
        let name = format!("clodex-private-{}", marker());
        let folder = user_dir(user);
        let script = format!("ls -A /tmp; echo mine > /tmp/{name}; stat -c %a /tmp");
        let mut command = wrapper(user, "kernel");
        let output =
            command.arg("--private-tmp").arg(folder.path()).args(["sh", "-c", &script]).output().unwrap();
        assert_eq!(text(&output.stdout), "1777\n", "{user:?}: {}", text(&output.stderr));
        assert_eq!(std::fs::read_to_string(folder.path().join(&name)).unwrap(), "mine\n");
        assert!(!Path::new("/tmp").join(&name).exists());
    }
}

/// A directory of that user's, outside `/tmp` and wherever the sources are: those may lie in a closed home.
fn user_dir(user: User) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    if user == User::Ordinary {
        // Fails where the caller is not root and so is that user itself.
        let _ = std::os::unix::fs::chown(folder.path(), Some(1000), Some(1000));
    }
    folder
}

#[test]
fn where_namespaces_cannot_be_made_usable_auto_falls_back_and_kernel_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for (containment, wanted) in [("auto", Some(4)), ("kernel", Some(125))] {
        let mut command = wrapper(User::Caller, containment);
        let output =
            command.arg("--private-tmp").arg(&missing).args(["sh", "-c", "exit 4"]).output().unwrap();
        assert_eq!(output.status.code(), wanted, "{containment}: {}", text(&output.stderr));
    }
}

#[test]
fn sigterm_reaches_the_command_and_out_of_patience_kills_all() {
    for containment in BOTH {
        let mut polite = wrapper(User::Caller, containment);
        polite.args(["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"]);
        let mut child = start_and_await_ready(&mut polite);
        signal(child.id(), "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(5), "{containment}");

        let marker = marker();
        let mut stubborn = wrapper(User::Caller, containment);
        stubborn.args(["--kill-after", "1", "sh", "-c", &format!("trap '' TERM; {}", nasty(&marker))]);
        let mut child = start_and_await_ready(&mut stubborn);
        signal(child.id(), "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(137), "{containment}");
        assert_eq!(alive(&marker), Vec::<String>::new(), "{containment}");
    }
}

#[test]
fn sigint_reaches_the_commands_whole_group_as_from_a_terminal() {
    for containment in BOTH {
        let marker = marker();
        let mut command = wrapper(User::Caller, containment);
        command.args(["sh", "-c", &format!("echo ready; sleep {marker}; exit 9")]);
        let mut child = start_and_await_ready(&mut command);
        // A shell that is interrupted before its command has begun starts that all the same, and waits for it.
        let sleep = format!("sleep {marker}");
        wait_for("the sleep", PATIENCE, || alive(&marker).into_iter().find(|shown| shown.ends_with(&sleep)));
        signal(child.id(), "INT");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{containment}");
    }
}

#[test]
fn a_hang_up_that_was_ignored_before_stays_ignored() {
    for containment in BOTH {
        let script = format!(
            "trap '' HUP; exec {WRAPPER} --containment {containment} sh -c 'echo ready; sleep 0.3; exit 6'"
        );
        let mut child = start_and_await_ready(Command::new("sh").args(["-c", &script]));
        signal(child.id(), "HUP");
        assert_eq!(child.wait().unwrap().code(), Some(6), "{containment}");
    }
}

fn spawn(wish: ContainmentWish, script: &str) -> Spawned {
    process::adopt_orphans();
    let command = ContainedCommand::new(Path::new(WRAPPER), "sh", format!("run-{}", marker()));
    command.containment(wish).args(["-c", script]).current_dir(Path::new("/")).spawn().unwrap()
}

fn read_line(spawned: &mut Spawned) -> String {
    let mut line = String::new();
    BufReader::new(&mut spawned.stdout).read_line(&mut line).unwrap();
    line
}

const WISHES: [(ContainmentWish, Containment); 2] =
    [(ContainmentWish::Kernel, Containment::Kernel), (ContainmentWish::BestEffort, Containment::BestEffort)];

#[test]
fn the_caller_learns_how_it_is_held_how_it_ended_and_what_was_left() {
    for (wish, containment) in WISHES {
        let marker = marker();
        let script = nasty(&marker).replace(&format!("echo ready; sleep {marker}; :"), "sleep 0.2; exit 3");
        let mut spawned = spawn(wish, &script);
        assert_eq!(spawned.contained.containment(), containment);
        assert_eq!(spawned.contained.reason().is_some(), containment == Containment::BestEffort);
        let Ended { status, stragglers, survivors } = spawned.ending.wait();
        assert_eq!((status, survivors), (ExitKind::Exit(3), vec![]), "{containment:?}");
        assert!(stragglers.unwrap() >= NASTY_LEAVES, "{containment:?}: {stragglers:?}");
        assert_eq!(spawned.contained.wait_all_dead(Instant::now() + PATIENCE), vec![]);
        assert_eq!(alive(&marker), Vec::<String>::new(), "{containment:?}");
    }
}

#[test]
fn what_ends_with_the_command_is_no_straggler() {
    for (wish, containment) in WISHES {
        // It always is one where nobody waits for it at all; on a busy machine it may be late once.
        wait_for(&format!("the end of it under {containment:?}"), PATIENCE, || {
            let ended = spawn(wish, "sleep 0.1 & exit 0").ending.wait();
            (ended.stragglers == Some(0)).then_some(())
        });
    }
}

#[test]
fn the_command_inherits_no_descriptor_of_its_keepers() {
    for (wish, containment) in WISHES {
        let folder = tempfile::tempdir().unwrap();
        let _lock = clodex_os::RunLock::acquire(&folder.path().join("lock")).unwrap().unwrap();
        let mut spawned = spawn(wish, "exec ls -x /proc/self/fd");
        // The fourth is the directory that `ls` reads.
        let open: Vec<String> = read_line(&mut spawned).split_whitespace().map(str::to_owned).collect();
        assert_eq!(open, ["0", "1", "2", "3"], "{containment:?}");
    }
}

#[test]
fn the_pids_that_are_told_are_those_of_the_callers_side() {
    for (wish, containment) in WISHES {
        let mut spawned = spawn(wish, "echo ready; sleep 1000");
        assert_eq!(read_line(&mut spawned), "ready\n");
        let program = spawned.contained.program();
        assert!(process::command_line(program.pid).contains("sleep 1000"), "{containment:?}");
        let below = process::descendants(spawned.contained.holder().pid);
        assert!(below.iter().any(|entry| entry.id == program), "{containment:?}");
        spawned.contained.kill();
        assert_eq!(spawned.ending.wait().status, ExitKind::Signal(9), "{containment:?}");
    }
}

#[test]
fn killing_leaves_nothing_and_so_does_dropping() {
    for (wish, containment) in WISHES {
        let marker = marker();
        let mut spawned = spawn(wish, &nasty(&marker));
        assert_eq!(read_line(&mut spawned), "ready\n");
        spawned.contained.kill();
        assert_eq!(spawned.contained.wait_all_dead(Instant::now() + PATIENCE), vec![]);
        assert_eq!(alive(&marker), Vec::<String>::new(), "{containment:?}");

        let mut spawned = spawn(wish, &nasty(&marker));
        assert_eq!(read_line(&mut spawned), "ready\n");
        drop(spawned);
        wait_for("all to die", PATIENCE, || alive(&marker).is_empty().then_some(()));
    }
}

#[test]
fn a_stopped_wrapper_does_not_keep_the_command_alive() {
    for (wish, containment) in WISHES {
        let marker = marker();
        let mut spawned = spawn(wish, &nasty(&marker));
        assert_eq!(read_line(&mut spawned), "ready\n");
        signal(spawned.contained.wrapper().pid, "STOP");
        spawned.contained.terminate();
        assert_eq!(spawned.contained.wait_all_dead(Instant::now() + Duration::from_millis(50)), vec![]);
        assert_eq!(alive(&marker), Vec::<String>::new(), "{containment:?}");
    }
}

#[test]
fn a_program_that_cannot_be_run_is_refused_before_anything_starts() {
    for (wish, containment) in WISHES {
        let command = ContainedCommand::new(Path::new(WRAPPER), "no-such-program", "run-x").containment(wish);
        let error = command.spawn().unwrap_err();
        assert!(error.to_string().starts_with("cannot run `no-such-program`: "), "{containment:?}: {error}");
    }
    let error = ContainedCommand::new(Path::new("/no/clodex-contain"), "true", "run-x").spawn().unwrap_err();
    assert!(error.to_string().contains("through clodex-contain"), "{error}");
}

#[test]
fn a_mark_finds_what_left_every_family() {
    let marker = marker();
    let script = format!("setsid sleep {marker} </dev/null >/dev/null 2>&1 &");
    let run_id = format!("run-{marker}");
    let status = Command::new("sh").args(["-c", &script]).env(process::MARK, &run_id).status().unwrap();
    assert!(status.success());
    let stray = wait_for("the sleep", PATIENCE, || {
        alive(&marker).into_iter().find(|line| line.contains(&format!(" sleep {marker}")))
    });
    assert_eq!(process::kill_marked(&run_id, Instant::now() + PATIENCE), vec![]);
    assert_eq!(alive(&marker), Vec::<String>::new(), "{stray}");
}

#[test]
fn the_meter_sees_what_commands_do_and_not_what_the_program_does() {
    use clodex_os::process::CommandMeter;
    let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    for (wish, containment) in WISHES {
        let idle = format!("{busy}; echo ready; sleep 1000");
        let mut spawned = spawn(wish, &idle);
        let mut meter = CommandMeter::new(spawned.contained.holder(), spawned.contained.program());
        assert_eq!(read_line(&mut spawned), "ready\n");
        assert_eq!(meter.sample(), process::Usage::default(), "{containment:?}");

        let working = format!("setsid sh -c '{busy}; echo ready; sleep 1000' & sleep 1000");
        let mut spawned = spawn(wish, &working);
        let mut meter = CommandMeter::new(spawned.contained.holder(), spawned.contained.program());
        assert_eq!(read_line(&mut spawned), "ready\n");
        let used = meter.sample();
        assert!(used.cpu > Duration::from_millis(20) && used.io_bytes > 0, "{containment:?}: {used:?}");
        // The shell still becomes `sleep`; from then on nothing happens any more.
        let mut before = used;
        wait_for("the meter to stand still", PATIENCE, || {
            let now = meter.sample();
            let stands_still = now == before;
            before = now;
            stands_still.then_some(())
        });
    }
}

#[test]
fn a_handle_outlives_its_process_without_slipping_to_another() {
    let mut spawned = spawn(ContainmentWish::Kernel, "echo ready; sleep 1000");
    assert_eq!(read_line(&mut spawned), "ready\n");
    let program: ProcessId = spawned.contained.program();
    let handle = ProcessHandle::open(program).unwrap().unwrap();
    spawned.contained.kill();
    assert_eq!(spawned.contained.wait_all_dead(Instant::now() + PATIENCE), vec![]);
    assert_eq!(handle.kill().unwrap(), process::Sent::AlreadyGone);
    assert!(!program.is_alive());
}
