//! clodex-dispatch with the real Codex and a scripted model: what a user gets, from packet to report.

mod claims;
mod enforcement;
mod enforcement_kinds;
mod escapes;
mod extras;
mod failing;
mod live;
mod network;
mod prompt;
mod worker;
