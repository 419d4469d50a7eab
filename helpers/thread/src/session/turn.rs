//! How far the turn of a thread has come. Pure; knows nothing of how it is asked for.

/// The turn of the thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// There is none of ours.
    None,
    /// It is asked for, and perhaps to be interrupted as soon as it can be.
    Asked { interrupt: bool },
    /// It has an id. Codex refuses to steer or to interrupt it before it has said that it has started.
    Named { id: String, interrupt: bool },
    /// It is under way.
    Begun(String),
}

/// What is to be done with a turn that has just started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It is another one, or known already.
    NotOurs,
    /// It is to work.
    Works,
    /// Somebody wanted it to end before it could.
    IsToEnd,
}

impl Turn {
    /// Its id, as soon as it has one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Named { id, .. } | Self::Begun(id) => Some(id),
            Self::None | Self::Asked { .. } => None,
        }
    }

    /// The request for it was answered.
    pub fn named(&mut self, id: String) {
        if let Self::Asked { interrupt } = *self {
            *self = Self::Named { id, interrupt };
        }
    }

    /// Codex says that it has started, which may come before the answer.
    pub fn started(&mut self, started: &str) -> Started {
        let interrupt = match self {
            Self::Asked { interrupt } => *interrupt,
            Self::Named { id, interrupt } if id == started => *interrupt,
            Self::None | Self::Named { .. } | Self::Begun(_) => return Started::NotOurs,
        };
        *self = Self::Begun(started.to_owned());
        if interrupt { Started::IsToEnd } else { Started::Works }
    }

    /// Codex says that this one has ended. Whether it was ours.
    pub fn ended(&mut self, ended: &str) -> bool {
        let is_ours = self.id() == Some(ended);
        if is_ours {
            *self = Self::None;
        }
        is_ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_end_before_it_has_started_ends_when_it_has() {
        let mut turn = Turn::Asked { interrupt: true };
        turn.named("u".to_owned());
        assert_eq!(turn.started("another"), Started::NotOurs);
        assert_eq!(turn.id(), Some("u"));
        assert_eq!((turn.started("u"), turn.started("u")), (Started::IsToEnd, Started::NotOurs));
    }

    #[test]
    fn the_start_may_come_before_the_answer() {
        let mut turn = Turn::Asked { interrupt: false };
        assert_eq!(turn.started("u"), Started::Works);
        turn.named("u".to_owned());
        assert_eq!(turn, Turn::Begun("u".to_owned()));
        assert!(!turn.ended("another") && turn.ended("u"));
        assert_eq!(turn.started("u"), Started::NotOurs);
    }
}
