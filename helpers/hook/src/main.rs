//! clodex-hook: an event of Claude Code's on stdin, an answer on stdout or nothing.

use clodex_os::BumpAllocator;

#[global_allocator]
static MEMORY: BumpAllocator = BumpAllocator::new();

fn main() -> std::process::ExitCode {
    clodex_hook::run(&std::env::args_os().collect::<Vec<_>>())
}
