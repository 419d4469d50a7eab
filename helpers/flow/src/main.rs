//! Carry out flows: split, debate, parallel, and the user's own.

fn main() -> std::process::ExitCode {
    clodex_os::signals::settle();
    clodex_flow::main(&std::env::args_os().collect::<Vec<_>>())
}
