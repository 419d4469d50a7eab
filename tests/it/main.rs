//! One integration crate; a module per area.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test, not only those marked so")]

mod artifacts;
mod cancel;
mod codex_argv;
mod codex_faults;
mod model;
mod plugin;
mod stand_in;
mod sudden_death;
mod tidy;
