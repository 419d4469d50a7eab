//! Ask Claude.

fn main() -> std::process::ExitCode {
    clodex_thread::ask_claude(std::env::args_os().collect())
}
