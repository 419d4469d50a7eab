//! Act on runs: clodex-answer, -cancel, -interrupt, -resume, -steer.

fn main() -> std::process::ExitCode {
    clodex_os::signals::settle();
    clodex_control::run(std::env::args_os().collect())
}
