//! Land what an isolated run changed, take it back, or throw it away.

fn main() -> std::process::ExitCode {
    clodex_os::signals::settle();
    clodex_apply::run(std::env::args_os().collect())
}
