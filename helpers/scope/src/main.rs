//! clodex-scope: what a work tree was, what became of it, and whether that was allowed.

fn main() -> std::process::ExitCode {
    clodex_os::signals::settle();
    clodex_scope::run(std::env::args_os())
}
