//! An app-server that does what a script says, for the faults that the real one will not show on demand: over stdio, and
//! over WebSockets on TCP and Unix sockets.
//!
//! A script has one scene for each connection; a scene maps what is heard to acts. What no scene names is answered as a
//! well server would answer it.
//!
//! ```json
//! {"heard": "/file",
//!  "connections": [
//!    {"connected": [{"tell": ["configWarning", {"summary": "hm"}]}],
//!     "turn/start": ["begin", {"message": "half of it"}, {"half": {"method": "never/whole"}}, "cut"],
//!     "turn/start 2": ["busy"],
//!     "reply": [{"end": "completed"}]},
//!    {"thread/turns/list": [{"answer": {"data": [{"id": "$turn", "status": "completed"}]}}]}]}
//! ```
//!
//! Keys are methods, `connected`, and `reply` (an answer to what we have asked); `turn/start 2` is the second one of its
//! connection. In texts `$thread` and `$turn` are those of what was heard, or else the latest; `$id` alone is the id of
//! what was heard, `$id turn/start` that of the last such request. See [`Act`] for all acts.

mod listen;
mod perform;
mod scene;
mod script;
mod wire;

pub use listen::{AppServer, main};
pub use script::{Act, Scene, Script};
