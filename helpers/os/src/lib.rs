//! Processes, namespaces, signals, locks, files and the clock: everything that asks the system for more
//! than bytes. No other crate starts a process, reads the clock or uses `unsafe`.
//!
//! | want | look at |
//! |---|---|
//! | run Codex so that nothing of it can outlive the run | [`ContainedCommand`] |
//! | say which process is meant, signal it, look at a tree | [`process`] |
//! | be told of SIGTERM and its like | [`signals`] |
//! | be the only one to write a run's record | [`RunLock`] |
//! | keep, read and close the records of runs | [`record_store`] |
//! | put a file on disk that is never half there | [`atomic_file`] |
//! | take the SHA-256 of bytes, of a file, of what is being written | [`sha256_hex`], [`sha256_hex_of`], [`RunningSha256`] |
//! | know what time it is, and on which machine | [`clock`] |
//! | know whether what was found out about sandboxes still holds | [`sandbox_conditions`] |
//! | read the files that hold settings | [`ConfigFiles`] |
//! | run a short command and have its output | [`ShortCommand`] |
//! | let a shell command of the user's turn bytes into others, in time | [`filter`] |
//! | talk to a command, one request after the other | [`InteractiveCommand`] |
//! | let a program of ours work beside this one | [`Companion`] |
//! | know which Claude Code started this program | [`ClaudeCode`] |
//! | go on after the caller is gone | [`detach`] |
//! | become another program | [`exec_program`] |
//! | know which project a directory belongs to | [`git_common_dir`], [`git_places`], [`project_root`] |
//! | read or set the toggle of a project | [`read_toggle`], [`set_toggle`] |
//! | exchange two names, or take a free one, in one step | [`exchange`], [`rename_to_free`] |
//! | remove things from a directory that no symlink leads to | [`NoFollowDir`] |
//! | know how much disk a directory takes | [`disk_use`] |
//! | write to what a user names, be it a file or `/dev/stdout` | [`NamedOutput`] |
//! | read a file that may not be ours | [`open_regular`], [`read_regular`] |
//! | know whether a file is being written | [`is_open_for_writing`] |
//! | know how wide the terminal is, or that of another process | [`terminal_columns`], [`terminal_columns_of`] |
//! | leave the terminal as it was | [`TerminalMode`] |
//! | edit lines and be stopped by Ctrl-Z | [`EditedTerminal`], [`signals::JobSignals`] |
//! | show a line that changes below what stderr says | [`TerminalLine`] |
//! | forget what was typed and nobody has read | [`forget_typed`] |
//! | find a program on PATH | [`find_on_path`], [`is_executable`] |
//! | find a program of ours | [`program_beside_this_one`] |
//! | allocate in a program that ends at once | [`BumpAllocator`] |
//! | read stdin without waiting for ever | [`read_stdin`] |
//! | wake up when a directory changes | [`DirectoryWatch`] |

pub mod atomic_file;
mod bump_allocator;
mod claude_code;
pub mod clock;
mod companion;
mod config_files;
pub mod contain;
mod contained;
pub mod detach;
mod digest;
mod disk_use;
mod error;
mod exec;
mod failure;
mod filter;
mod git_dir;
mod interactive_command;
mod lock;
mod named_output;
mod no_follow_dir;
mod poll;
pub mod process;
mod programs;
mod random;
pub mod record_store;
mod regular_file;
mod rename;
mod report;
mod run_command;
mod sandbox_conditions;
pub mod signals;
mod stdin;
mod stdout;
mod terminal;
mod terminal_line;
mod toggle_flag;
mod watch_dir;

pub use bump_allocator::BumpAllocator;
pub use claude_code::ClaudeCode;
pub use companion::{Companion, Said};
pub use config_files::{ConfigError, ConfigFiles};
pub use contained::{
    Contained, ContainedCommand, Ending, Spawned, program_beside_this_one, wrapper_beside_this_program,
};
pub use digest::{RunningSha256, hex, sha256_hex, sha256_hex_of};
pub use disk_use::{DiskUse, disk_use};
pub use error::{Error, Result};
pub use exec::exec_program;
pub use failure::Failure;
pub use filter::{Filtered, filter};
pub use git_dir::{GitPlaces, git_common_dir, git_places};
pub use interactive_command::InteractiveCommand;
pub use lock::RunLock;
pub use named_output::NamedOutput;
pub use no_follow_dir::NoFollowDir;
pub use programs::{Programs, find_on, find_on_path, is_executable};
pub use random::{random_fraction, run_suffix};
pub use regular_file::{is_open_for_writing, open_regular, read_regular};
pub use rename::{exchange, rename_to_free};
pub use report::{Ended, ExitKind};
pub use run_command::{Finished, ShortCommand};
pub use sandbox_conditions::sandbox_conditions;
pub use stdin::read_stdin;
pub use stdout::{say, say_line};
pub use terminal::{EditedTerminal, TerminalMode, forget_typed, terminal_columns, terminal_columns_of};
pub use terminal_line::TerminalLine;
pub use toggle_flag::{FoundFlag, project_root, read_toggle, set_toggle};
pub use watch_dir::{DirectoryWatch, Woken, WokenBeside};
