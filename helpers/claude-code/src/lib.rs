//! Claude Code's own words: what `claude -p` says line by line, what it is told, its arguments, its tools. Starts no
//! process and decides nothing. Measured with 2.1.329 and 2.1.250.
//!
//! | want | look at |
//! |---|---|
//! | read a line of its stdout | [`OutputLine`] |
//! | write a line for its stdin | [`input`] |
//! | start it | [`Asking`], [`OF_A_SESSION`], [`NO_ATTACHMENTS`] |
//! | know what a tool would do | [`ToolCall`] |
//! | know why a turn failed | [`Trouble`] |

mod argv;
mod environment;
pub mod input;
mod output;
mod tool;
mod trouble;

pub use argv::{Asking, Session};
pub use environment::{NO_ATTACHMENTS, OF_A_SESSION};
pub use output::{
    Began, Denial, Ended, Message, OutputDetails, OutputLine, Question, Retrying, Share, Usage,
};
pub use tool::{EDITING, READING, SHELL, ToolCall};
pub use trouble::{Trouble, TroubleKind};
