//! The app-server: what Codex says and asks over JSON-RPC, in our words. Pure but for the client, which has a
//! connection and a clock; no process.

mod agents;
mod asked;
mod backoff;
pub mod call;
mod client;
mod error_info;
mod family;
mod item;
mod notice;
mod patches;
mod rate_limits;
mod run;
mod said_in_turn;
mod turn_history;

pub use agents::{Agent, AgentError, AgentEvent, AgentStatus, Agents, Ended, Reminder, TurnSettings};
pub use asked::{Asked, Dialect, Form, NoAnswer, Question, Reply};
pub use client::{
    Awaited, CallError, Client, Happened, NotBack, OLDEST_SERVER, Question as ServerQuestion, Rejoined,
    ReplyError, WayBack, answer,
};
pub use family::{Family, ToEnd, Whose};
pub use notice::{Notice, Retry, ThreadStatus, Told, TurnEnd, TurnOf};
pub use patches::Patches;
pub use run::{AppServerRun, AskedOfUs, Effect, RunRequest, Stage, ThreadWish, Unheard};
pub use said_in_turn::SaidInTurn;
