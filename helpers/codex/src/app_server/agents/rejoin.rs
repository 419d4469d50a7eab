//! Agents whose connection was lost: each joins its thread again and is what has become of it meanwhile.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Agent, AgentEvent, AgentStatus, Agents, Ended};
use crate::app_server::call::{ResumeThread, ThreadSettings};
use crate::app_server::client::{Awaited, NotBack, Rejoined, WayBack};
use crate::version::CodexVersion;

impl Agents {
    /// Connects again after [`AgentEvent::Closed`] and brings every agent back to its thread, each in no more than
    /// `patience`. What has become of them is told by what happens next: work goes on, or has ended, or nobody can know;
    /// what they wanted to know is asked again.
    pub fn reconnect(&mut self, way: &mut WayBack<'_>, patience: Duration) -> Result<CodexVersion, NotBack> {
        let version = self.client.reconnect(way)?;
        let names: Vec<String> = self.by_name.keys().cloned().collect();
        for name in names {
            let Some(thread_id) = self.by_name.get(&name).and_then(|agent| agent.thread_id.clone()) else {
                continue;
            };
            let event = self.rejoin(&name, &thread_id, Instant::now() + patience, way.wait);
            self.ahead.extend(event);
        }
        Ok(version)
    }

    fn rejoin(
        &mut self,
        name: &str,
        thread_id: &str,
        deadline: Instant,
        wait: &mut dyn FnMut(Duration) -> ControlFlow<()>,
    ) -> Option<AgentEvent> {
        let agent = self.by_name.get_mut(name)?;
        let call = ResumeThread { thread_id, settings: ThreadSettings::default(), exclude_turns: true };
        let rejoined =
            self.client.rejoin(&call, agent.awaited(), deadline, wait).map(|(_, rejoined)| rejoined);
        match rejoined {
            Ok(Rejoined::Idle) => None,
            // The end that is told next finds the turn that it ends.
            Ok(Rejoined::Working(turn) | Rejoined::Ended(turn)) => {
                (agent.status, agent.turn_id) = (AgentStatus::Processing, Some(turn));
                None
            }
            // It does not run any more, whatever it has done.
            Ok(Rejoined::Unknown(why)) => {
                agent.forget(AgentStatus::Stopped);
                Some(AgentEvent::Ended(name.to_owned(), Ended::Unknown(why)))
            }
            Err(error) => {
                let was_working = agent.awaited() != Awaited::Nothing;
                agent.forget(AgentStatus::Unknown);
                Some(if was_working {
                    AgentEvent::Ended(name.to_owned(), Ended::Unknown(error.to_string()))
                } else {
                    AgentEvent::Failed(name.to_owned(), error)
                })
            }
        }
    }

    /// Nobody knows any more what those do that were at work.
    pub(super) fn lost(&mut self) {
        for agent in self.by_name.values_mut().filter(|agent| agent.status == AgentStatus::Processing) {
            agent.status = AgentStatus::Unknown;
        }
    }
}

impl Agent {
    fn awaited(&self) -> Awaited<'_> {
        match (&self.turn_id, &self.said, self.status) {
            (Some(turn), _, _) => Awaited::Turn(turn),
            (None, Some(said), AgentStatus::Processing | AgentStatus::Unknown) => Awaited::Begin(said),
            (None, _, _) => Awaited::Nothing,
        }
    }

    /// Its turn is not looked for again.
    fn forget(&mut self, status: AgentStatus) {
        (self.status, self.turn_id, self.said) = (status, None, None);
    }
}

#[cfg(test)]
mod tests;
