//! A session whose connection was lost: connecting again, and what has become of its turn. Knows no sockets.

use std::time::{Duration, Instant};

use clodex_codex::app_server::call::ResumeThread;
use clodex_codex::app_server::{Awaited, Rejoined, WayBack};

use super::Session;
use super::turn::Turn;
use crate::server::{LONG, this_client};
use crate::stop_signals::Patience;
use crate::thread_permissions::ResumeSettings;
use crate::trouble::{Kind, Trouble};

impl Session {
    /// Comes back after [`Heard::Closed`] and learns what has become of the turn: what was missed of it is heard next.
    /// Where nobody can know, that is the trouble, and so is a thread that is not held any more: a server that was started
    /// anew knows only what it is told. Connecting has time until then, the thread may take `resuming`.
    pub fn come_back(
        &mut self,
        until: Instant,
        resuming: Option<Duration>,
        kept: &ResumeSettings<'_>,
        patience: &Patience<'_>,
    ) -> Result<(), Trouble> {
        let lost = |why: &dyn std::fmt::Display| Trouble::new(Kind::ConnectionLost, why.to_string());
        let (Some(again), Some(thread_id)) = (&self.again, &self.thread) else {
            return Err(lost(&"there is no way back"));
        };
        let (mut dial, mut wait) = (|until| again.dial(until, patience), |pause| patience.pause(pause));
        let mut way = WayBack { dial: &mut dial, wait: &mut wait, client: this_client(), until };
        self.version = self.client.reconnect(&mut way).map_err(|error| lost(&error))?;
        let awaited = match &self.turn {
            Turn::None => Awaited::Nothing,
            Turn::Asked { .. } => self.said.as_deref().map_or(Awaited::BeginUnnamed, Awaited::Begin),
            Turn::Named { id, .. } | Turn::Begun(id) => Awaited::Turn(id),
        };
        let thread = ResumeThread { thread_id, settings: kept.settings, exclude_turns: true };
        let open_by = Instant::now() + resuming.unwrap_or(LONG);
        let joined = self.client.rejoin(&thread, awaited, open_by, &mut wait);
        let (open, rejoined) = joined.map_err(|error| lost(&error))?;
        match rejoined {
            Rejoined::Idle => {}
            Rejoined::Working(turn) | Rejoined::Ended(turn) => self.turn = Turn::Begun(turn),
            Rejoined::Unknown(why) => return Err(lost(&why)),
        }
        self.is_lost = false;
        kept.permissions.check(&open)
    }
}
