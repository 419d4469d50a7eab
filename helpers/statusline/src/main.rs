//! clodex-statusline: Claude Code's JSON in, one live line out.

use clodex_os::NeverFree;

#[global_allocator]
static MEMORY: NeverFree = NeverFree::new();

fn main() -> std::process::ExitCode {
    clodex_statusline::run()
}
