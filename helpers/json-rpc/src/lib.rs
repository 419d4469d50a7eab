//! One side of a JSON-RPC conversation: requests with deadlines, notifications, and requests of the other side.
//!
//! [`Message`] and [`Calls`] are pure: what is said, and which answers are waited for until when. A [`Connection`] is
//! a pair of bounded queues with a transport behind them: [`lines`] over any pair of streams (stdio), a
//! [`web_socket`] over TCP or a Unix socket, or [`in_memory`] for a peer in the same process. A [`Peer`] is both
//! together, for whoever wants nothing but the conversation.
//!
//! Knows nothing of what is talked about, and of nobody's particular dialect beyond this: the member `jsonrpc` is
//! neither sent nor missed.

mod calls;
mod connection;
mod lines;
mod memory;
mod message;
mod peer;
mod socket;
mod web_socket;
mod whole_frames;

pub use calls::Calls;
pub use connection::{Closed, Connection, Incoming, Sending, Waker, Way};
pub use lines::lines;
pub use memory::in_memory;
pub use message::{Id, Message, Notification, Params, Request, Response, RpcError, Unreadable};
pub use peer::{Event, NotAsked, Peer, Unanswered};
pub use socket::Address;
pub use web_socket::{ConnectError, Greeting, web_socket};
