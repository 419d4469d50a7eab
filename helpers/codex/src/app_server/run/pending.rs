//! What a run waits for an answer to.

use std::time::Instant;

use clodex_json_rpc::Params;

use crate::app_server::call::{
    Call as _, CleanTerminals, Initialize, InterruptTurn, ListMcpServers, StartTurn, SteerTurn,
};

/// A request under way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) waiting: Waiting,
    pub(super) params: Params,
    pub(super) deadline: Instant,
    pub(super) tries: u32,
}

/// What it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waiting {
    Greeting,
    /// The thread; by the method that opens it.
    Open(&'static str),
    /// The MCP servers; Codex answers when each is ready or has failed.
    Mcp,
    Turn,
    /// By the caller's number.
    Steer(u64),
    /// An interrupt.
    End(Ending),
}

/// What is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The run's turn.
    Turn,
    /// What that has left running: Codex lets the turn's commands run on.
    Commands,
    /// The turn of a sub-agent, by its thread.
    SubAgent(String),
    /// What a sub-agent has left running.
    SubAgentsCommands,
}

impl Waiting {
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Greeting => Initialize::METHOD,
            Self::Open(method) => method,
            Self::Mcp => ListMcpServers::METHOD,
            Self::Turn => StartTurn::METHOD,
            Self::Steer(_) => SteerTurn::METHOD,
            Self::End(Ending::Turn | Ending::SubAgent(_)) => InterruptTurn::METHOD,
            Self::End(Ending::Commands | Ending::SubAgentsCommands) => CleanTerminals::METHOD,
        }
    }
}
