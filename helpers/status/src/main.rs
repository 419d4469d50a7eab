//! Look at runs: clodex-status, -result, -wait, -debug.

fn main() -> std::process::ExitCode {
    clodex_status::run(std::env::args_os().collect())
}
