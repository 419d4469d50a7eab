//! A scripted Messages API that drives the real Claude Code offline.
//!
//! A prompt carries its own script, as with [`crate::responses`]: `do it @@[{"do":[{"tool":{"name":"Bash",
//! "input":{"command":"ls"}}}]},{"do":[{"say":"done"}]}]@@`. The newest script of a conversation counts, and its
//! k-th step is due after k answers: a retry gets the same step again, and a notice that wakes the session the next.
//!
//! ```json
//! [{"do": [{"say": "I look"}, {"tool": {"name": "Bash", "input": {"command": "ls", "run_in_background": true}}}]},
//!  {"status": 529, "error": {"type": "overloaded_error", "message": "…"}},
//!  {"do": [{"until": "/path/of/a/file"}, {"say": "seen"}], "delay_ms": 50}]
//! ```
//!
//! A prompt that somebody types into a terminal names its script instead: `do it <<name>>`, and a slash command does by
//! its own name; see [`ScriptedClaude::learn`]. A conversation without a script gets the server's default script, and
//! without one of those a short answer.

mod conversation;
mod plan;
mod script;
mod server;

pub use crate::http::Request;
pub use crate::script_mark::embed;
pub use conversation::named;
pub use script::{Act, OUTPUT_FILE, PRESCRIBED, Script, Step};
pub use server::ScriptedClaude;
