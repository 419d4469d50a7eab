//! clodex-hook: an event of Claude Code's on stdin, an answer on stdout or nothing.

use clodex_os::NeverFree;

#[global_allocator]
static MEMORY: NeverFree = NeverFree::new();

fn main() -> std::process::ExitCode {
    clodex_hook::run(&std::env::args_os().collect::<Vec<_>>())
}
