//! clodex-contain: runs one command so that nothing it starts can outlive it.

use std::process::ExitCode;

fn main() -> ExitCode {
    clodex_os::contain::main(std::env::args_os().skip(1))
}
