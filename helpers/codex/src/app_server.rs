//! The app-server: what Codex says and asks over JSON-RPC, in our words. Pure: no connection, no process, no clock.

mod asked;
pub mod call;
mod error_info;
mod item;
mod notice;
mod rate_limits;

pub use asked::{Asked, Dialect, NoAnswer, Question, Reply, UserQuestion, Visibility};
pub use notice::{Notice, Retry, ThreadStatus, Told, TurnEnd};
pub use rate_limits::{RateLimits, Window};
