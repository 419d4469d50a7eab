//! Act on runs: clodex-cancel, clodex-resume.

fn main() -> std::process::ExitCode {
    clodex_control::run(std::env::args_os().collect())
}
