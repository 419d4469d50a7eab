//! clodex-setup: installs the helpers and registers them with Claude Code, and takes it all back.

fn main() -> std::process::ExitCode {
    clodex_os::signals::settle();
    clodex_setup::run(std::env::args_os().collect())
}
