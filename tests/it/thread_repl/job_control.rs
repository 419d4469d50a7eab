//! Ctrl-Z and `fg`, in a shell that leaves the terminal as it finds it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use clodex_tests::{Key, Terminal, leftovers};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENT, Typing as _, is_ready, repl, stage, thread_of};
use crate::stage::Stage;

/// A talk that is a shell's job, when its thread is open.
fn job(stage: &Stage) -> Terminal<'_> {
    let command = repl(&stage.sandbox, &[]);
    let program = command.get_program().to_str().unwrap();
    let script =
        stage.sandbox.file("repo/talk", format!("#!/bin/sh\nexec {program} --repl {}\n", PATIENT[0]));
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut shell = stage.sandbox.command("sh");
    let terminal = Terminal::start(&stage.sandbox, shell.arg("-i").env("PS1", "shell: ").env_remove("ENV"));
    at_the_shell(&terminal);
    terminal.send("./talk");
    terminal.until("an open thread", |screen| thread_of(screen).is_some() && is_ready(screen));
    terminal
}

#[track_caller]
fn at_the_shell(terminal: &Terminal<'_>) {
    terminal.until("the shell's prompt", |screen| screen.trim_end().ends_with("shell:"));
}

#[track_caller]
fn leave(terminal: &Terminal<'_>) {
    terminal.send("/exit");
    at_the_shell(terminal);
    terminal.press(Key::Ctrl('d'));
    terminal.ended();
}

#[test]
fn ctrl_z_gives_the_shell_its_terminal_back_and_fg_the_talk_its_turn() {
    let Some(stage) = stage() else { return };
    let terminal = job(&stage);
    terminal.send("work");
    terminal.shows(&["  $ while"]);
    terminal.press(Key::Ctrl('z'));
    at_the_shell(&terminal);
    terminal.send("stty -a");
    let mode = terminal.shows(&[" icanon ", " echo "]);
    assert!(mode.contains("Stopped"), "{mode}");
    terminal.send("fg");
    terminal.until("a turn that runs", |screen| screen.trim_end().ends_with('…'));
    terminal.press(Key::Ctrl('c'));
    terminal.answers(&["  interrupted ("]);
    terminal.send("still there?");
    let all = terminal.answers(&["You said: still there?"]);
    assert!(!all.contains("connecting again"), "{all}");
    leave(&terminal);
}

#[test]
fn whatever_the_shell_has_left_there_lines_are_edited_again_when_the_talk_goes_on() {
    let Some(stage) = stage() else { return };
    let terminal = job(&stage);
    let all = leftovers(stage.sandbox.marker());
    let ours = all.iter().find(|left| left.to_string().contains("clodex-thread --repl"));
    kill(Pid::from_raw(ours.expect("it runs").pid), Signal::SIGSTOP).unwrap();
    at_the_shell(&terminal);
    // Not readable yet: a line editor takes no line's end for one.
    terminal.type_text("stty sane");
    terminal.press(Key::Ctrl('j'));
    at_the_shell(&terminal);
    terminal.send("fg");
    terminal.until("the prompt", is_ready);
    terminal.type_text("/thr");
    terminal.press(Key::Tab);
    terminal.until("a completed command", |screen| screen.trim_end().ends_with("> /thread"));
    terminal.press(Key::Enter);
    terminal.answers(&["thread     "]);
    leave(&terminal);
}
