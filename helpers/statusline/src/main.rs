//! clodex-statusline: Claude Code's JSON in, one live line out.

use clodex_os::BumpAllocator;

#[global_allocator]
static MEMORY: BumpAllocator = BumpAllocator::new();

fn main() -> std::process::ExitCode {
    clodex_statusline::run()
}
