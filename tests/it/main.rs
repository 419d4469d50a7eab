//! One integration crate; a module per area.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test, not only those marked so")]

mod apply;
mod artifacts;
mod bootstrap;
mod cancel;
mod claude_code;
mod claude_review;
mod claude_terminal;
mod codex_argv;
mod codex_faults;
mod demo;
mod detach;
mod disk_faults;
mod dispatch_real;
mod doctor;
mod evals;
mod findings;
mod free_prompt;
mod hand_over;
mod hooks;
mod isolate;
mod many_at_once;
mod model;
mod mount_points;
mod newcomer;
mod overlap;
mod places;
mod plugin;
mod prune;
mod put_back;
mod refusals;
mod resume;
mod review;
mod scope_cases;
mod settings;
mod setup;
mod shim;
mod stage;
mod stand_in;
mod stop_gate;
mod sudden_death;
mod tidy;
mod together;
mod toggle;
mod verify;
