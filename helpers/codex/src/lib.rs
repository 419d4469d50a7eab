//! The only crate that knows Codex's formats: what it prints, what it wants on its command line, where it keeps things.
//! Everything it learns leaves it in the words of `clodex-core`.

mod exec_stream;
mod failure;
mod shell_command;

pub use exec_stream::event_from_line;
pub use failure::{failure_kind, startup_failure_kind};
pub use shell_command::unwrap_shell;
