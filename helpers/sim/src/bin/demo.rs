//! `cargo demo`: the whole of clodex in a throw-away repository, offline.

use std::process::ExitCode;

fn main() -> ExitCode {
    clodex_sim::demo::main(std::env::args().skip(1))
}
