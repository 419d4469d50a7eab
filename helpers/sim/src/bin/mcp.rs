//! `clodex-sim-mcp`: an MCP server for tests; see `clodex_sim::mcp`.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let os_args: Vec<_> = env::args_os().skip(1).collect();
    if let Some(status) = clodex_sim::stand_in::detached(&os_args) {
        return status;
    }
    let args: Vec<_> = env::args().skip(1).collect();
    match clodex_sim::mcp::main(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("clodex-sim-mcp: {e}");
            ExitCode::FAILURE
        }
    }
}
