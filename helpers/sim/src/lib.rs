//! Not shipped: the peers of a run, for tests and the demo.
//!
//! [`responses`] is the model's side: a scripted Responses API that drives the *real* Codex offline. [`account`] is
//! what Codex asks for the limits of a login. [`messages`] is the model of the real Claude Code. [`stand_in`] is
//! Codex's side: a program called `codex` for the faults that the real one will not show on demand; [`app_server`] is
//! the same over JSON-RPC. [`mcp`] is a server out of a user's Codex configuration. None knows anything of clodex: what
//! they imitate is the other side of the wire.

pub mod account;
pub mod app_server;
pub mod codex_home;
pub mod demo;
mod http;
pub mod mcp;
pub mod messages;
pub mod npm;
pub mod npm_claude;
pub mod npm_codex;
mod program;
pub mod responses;
mod script_mark;
pub mod stand_in;

pub use account::Account;
pub use codex_home::CodexHome;
pub use program::write_program;
pub use responses::{Request, Script, ScriptedModel};
