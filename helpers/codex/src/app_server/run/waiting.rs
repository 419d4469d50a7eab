//! What a run waits for an answer to.

use std::time::Instant;

use clodex_json_rpc::Params;

use crate::app_server::call::{Call as _, CleanTerminals, Initialize, InterruptTurn, StartTurn, SteerTurn};

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
    Turn,
    /// By the caller's number.
    Steer(u64),
    Interrupt,
    /// After an interrupt: Codex lets the turn's commands run on.
    Clean,
}

impl Waiting {
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Greeting => Initialize::METHOD,
            Self::Open(method) => method,
            Self::Turn => StartTurn::METHOD,
            Self::Steer(_) => SteerTurn::METHOD,
            Self::Interrupt => InterruptTurn::METHOD,
            Self::Clean => CleanTerminals::METHOD,
        }
    }
}
