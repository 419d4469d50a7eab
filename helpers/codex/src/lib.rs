//! The only crate that knows Codex's formats: what it prints, what it wants on its command line, where it keeps things.
//! Everything it learns leaves it in the words of `clodex-core`.

mod config;
mod exec_argv;
mod exec_stream;
mod failure;
mod locate;
mod shell_command;
mod version;

pub use config::{CodexConfig, McpTransport, codex_home};
pub use exec_argv::{ArgvError, ExecRequest, Keep, RUN_MARK, SlashTmp, exec_argv};
pub use exec_stream::event_from_line;
pub use failure::{failure_kind, startup_failure_kind};
pub use locate::{NotFound, locate};
pub use shell_command::unwrap_shell;
pub use version::{CodexVersion, OLDEST, Version, VersionCache};
