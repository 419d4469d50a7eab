//! A scripted Responses API that drives the real Codex offline.
//!
//! A prompt carries its own script, so that any number of runs share one server without arranging
//! anything: `fix the test @@[{"do":[{"run":"make"}]},{"do":[{"say":"done"}]}]@@`. The k-th request
//! of a thread for the n-th script of its conversation gets the k-th step. Retries count as requests.
//!
//! ```json
//! [{"do": [{"think": "hm"}, {"say": "I patch"}, {"patch": "*** Begin Patch\n…"}], "usage": {"input": 10}},
//!  {"do": [{"run": "sleep 8; echo late"}], "headers": {"x-codex-primary-used-percent": "93"}},
//!  {"status": 429, "error": {"type": "usage_limit_reached", "message": "…", "resets_in_seconds": 60}},
//!  {"do": [{"say": "half"}], "cut": true},
//!  {"silence": true, "ping_ms": 200},
//!  {"do": [{"say": {"text": "slowly", "deltas": 3}}], "delay_ms": 100, "stream_ms": 50},
//!  {"do": [{"answer": {"result": "done"}}]}]
//! ```
//!
//! The steps and acts are described in [`script`]. A prompt without a script gets the default of the
//! server; without one of those, a short final message.

mod conversation;
mod plan;
pub mod script;
mod server;

pub use crate::http::Request;
pub use crate::script_mark::embed;
pub use script::{Act, Script, Step};
pub use server::ScriptedModel;
