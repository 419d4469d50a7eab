//! One row of the suite: what is there, what the worker does, what has to come of it. Knows nothing of how it is run.

use Want::{Blocked, Clean, Noted, Refused, Stopped, Violation};

/// What has to come of a row.
#[derive(Debug, Clone, Copy)]
pub enum Want {
    /// Exit 6, and each of these paths is named, itself or something below it.
    Violation(&'static [&'static str]),
    /// Exit 0, and nothing outside the scope is told of.
    Clean,
    /// Exit 0, and these are the by-products.
    Noted(&'static [&'static str]),
    /// Exit 7 because of uncommitted work at this path; the worker never ran.
    Blocked(&'static str),
    /// Exit 2 with a reason that holds these words; the worker never ran.
    Refused(&'static str),
    /// Nothing of the worker lives on, and what it had planned for later never happens.
    Stopped,
}

/// One row. All scripts are bash; they know `$REPO`, `$OUTSIDE` (a directory beside it) and `$ROOT` (above both).
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What it shows.
    pub title: &'static str,
    /// Run in the repository before the dispatch, and before the user's own work is added.
    pub setup: &'static str,
    /// Run in the work directory by what stands in for Codex.
    pub action: &'static str,
    /// Run in the repository afterwards: whether the action really did what the row is about.
    pub harm: &'static str,
    /// Run in the repository afterwards: what would have run the planted code, which leaves `$OUTSIDE/escaped`.
    pub fires: &'static str,
    /// WRITE SCOPE; empty for the mode `verifier`.
    pub scope: &'static [&'static str],
    /// WORKDIR below the repository.
    pub workdir: &'static str,
    /// More fields of the packet.
    pub fields: &'static str,
    /// More arguments of the dispatcher.
    pub args: &'static [&'static str],
    /// More environment of the dispatcher.
    pub env: &'static [(&'static str, &'static str)],
    /// What is changed in the packet's text.
    pub packet: fn(String) -> Vec<u8>,
    /// What has to come of it.
    pub want: Want,
}

/// A worker with `src/` in scope that does this and should be found clean.
pub const fn row(title: &'static str, action: &'static str) -> Row {
    Row {
        title,
        setup: "",
        action,
        harm: "",
        fires: "",
        scope: &["src/"],
        workdir: "",
        fields: "",
        args: &[],
        env: &[],
        packet: String::into_bytes,
        want: Clean,
    }
}

/// A packet that is never dispatched: a good one, changed.
pub const fn refused(title: &'static str, why: &'static str, packet: fn(String) -> Vec<u8>) -> Row {
    Row { packet, want: Refused(why), ..row(title, "echo x >> src/a.txt") }
}

impl Row {
    pub const fn setup(self, setup: &'static str) -> Self {
        Self { setup, ..self }
    }

    pub const fn harm(self, harm: &'static str) -> Self {
        Self { harm, ..self }
    }

    pub const fn fires(self, fires: &'static str) -> Self {
        Self { fires, ..self }
    }

    pub const fn scope(self, scope: &'static [&'static str]) -> Self {
        Self { scope, ..self }
    }

    pub const fn workdir(self, workdir: &'static str) -> Self {
        Self { workdir, ..self }
    }

    pub const fn fields(self, fields: &'static str) -> Self {
        Self { fields, ..self }
    }

    pub const fn args(self, args: &'static [&'static str]) -> Self {
        Self { args, ..self }
    }

    pub const fn env(self, env: &'static [(&'static str, &'static str)]) -> Self {
        Self { env, ..self }
    }

    pub const fn packet(self, packet: fn(String) -> Vec<u8>) -> Self {
        Self { packet, ..self }
    }

    pub const fn names(self, paths: &'static [&'static str]) -> Self {
        Self { want: Violation(paths), ..self }
    }

    pub const fn notes(self, by_products: &'static [&'static str]) -> Self {
        Self { want: Noted(by_products), ..self }
    }

    pub const fn blocked(self, path: &'static str) -> Self {
        Self { want: Blocked(path), ..self }
    }

    pub const fn refused(self, why: &'static str) -> Self {
        Self { want: Refused(why), ..self }
    }

    pub const fn stopped(self) -> Self {
        Self { want: Stopped, ..self }
    }

    /// Whether the worker is to be started at all.
    pub const fn is_started(&self) -> bool {
        !matches!(self.want, Blocked(_) | Refused(_))
    }
}
