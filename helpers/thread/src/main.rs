//! Talk with Codex.

fn main() -> std::process::ExitCode {
    clodex_thread::run(std::env::args_os().collect())
}
