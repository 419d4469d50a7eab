//! The app-server: what Codex says and asks over JSON-RPC, in our words. Pure but for the client, which has a
//! connection and a clock; no process.

mod agents;
mod asked;
mod backoff;
pub mod call;
mod client;
mod error_info;
mod heard;
mod item;
mod notice;
mod rate_limits;
mod run;

pub use agents::{Agent, AgentError, AgentEvent, AgentStatus, Agents, Ended, Reminder, TurnSettings};
pub use asked::{Asked, Dialect, NoAnswer, Question, Reply, UserQuestion, Visibility};
pub use client::{
    Awaited, CallError, Client, Happened, NotBack, OLDEST_SERVER, Question as ServerQuestion, Rejoined,
    ReplyError, WayBack, answer,
};
pub use notice::{Notice, Retry, ThreadStatus, Told, TurnEnd};
pub use run::{AppServerRun, AskedOfUs, Effect, RunRequest, Stage, ThreadWish, Unheard};
