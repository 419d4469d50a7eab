//! The toggle: whether Claude itself may write source files in a project.

mod shell_words;
mod shell_writes;

pub use shell_writes::{Written, written_by};
