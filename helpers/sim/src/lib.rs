//! Not shipped: a peer for tests and the demo.
//!
//! [`responses`] is the model's side: a scripted Responses API that drives the *real* Codex offline.
//! It knows nothing of clodex: what it imitates is the other side of the wire.

pub mod codex_home;
pub mod responses;

pub use codex_home::CodexHome;
pub use responses::{Request, Script, ScriptedModel};
