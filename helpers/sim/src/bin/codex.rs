//! `clodex-sim-codex`: to be linked as `codex`; see `clodex_sim::stand_in`.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = env::args_os().skip(1).collect();
    clodex_sim::stand_in::main(&args)
}
