//! A flow at a terminal: what its runs do is shown while they do it, and leaves nothing behind.

use std::fs;
use std::process::Command;

use clodex_tests::{Sandbox, Terminal};

const FLOW: &str = "name: x\nsteps:\n  - {id: look, prompt: x}\n  - {id: again, needs: look, prompt: x}\n";

/// clodex-flow at a terminal of so many columns that calls itself so.
fn at_terminal(sandbox: &Sandbox, term: &str, columns: u16) -> Command {
    let file = sandbox.file("flow.yaml", FLOW);
    let program = sandbox.command("clodex-flow");
    let mut shell = sandbox.command("/bin/sh");
    shell.args(["-c", "stty cols \"$1\"; TERM=$2; export TERM; shift 2; exec \"$@\"", "sh"]);
    shell.args([&columns.to_string(), term]).arg(program.get_program()).arg("run").arg(file);
    shell
}

fn live_line(screen: &str) -> Option<&str> {
    screen.lines().find(|line| line.contains(" codex x "))
}

#[test]
fn what_a_step_does_is_shown_while_it_does_it() {
    for (term, columns) in [("tmux-256color", 120), ("dumb", 40)] {
        let sandbox = Sandbox::new();
        let go_on = sandbox.codex_waits();
        let terminal = Terminal::start(&sandbox, &at_terminal(&sandbox, term, columns));
        let screen = terminal.until("its live line", |screen| {
            live_line(screen).is_some_and(|line| line.contains("x 1/2 look 0:"))
        });
        let line = live_line(&screen).unwrap();
        assert!(line.chars().count() < usize::from(columns), "{line:?}");
        fs::write(go_on, "").unwrap();
        let all = terminal.ended();
        assert_eq!(live_line(&all), None, "{all}");
        assert!(all.contains("x look: passed") && all.contains("x again: passed"), "{all}");
    }
}
