//! Which threads and models there are: asked for, shown when the answer is heard, and a thread gone on with. Nobody waits
//! for a list but a script.

use clodex_codex::app_server::call::{ListThreads, Model, Thread};

use super::{Chat, State};
use crate::opening::Wish;
use crate::repl::listings;
use crate::session::ThreadsFor;
use crate::trouble::{Kind, Trouble};

/// How many threads are listed.
const LISTED: u32 = 20;

impl Chat<'_> {
    pub(super) fn ask_for_threads(&mut self, why: ThreadsFor) -> Result<(), Trouble> {
        let call =
            ListThreads { cwd: Some(&self.options.workdir), limit: Some(LISTED), ..ListThreads::default() };
        self.session.list_threads(&call, why)
    }

    /// By its id, by its number in the list, or the latest that is not this one.
    pub(super) fn resume_named(&mut self, named: Option<String>) -> Result<(), Trouble> {
        let Some(name) = named else {
            self.ask_for_threads(ThreadsFor::Resuming)?;
            self.enter(State::Opening);
            return Ok(());
        };
        let Ok(number) = name.parse::<usize>() else { return self.open(Wish::Resume(name)) };
        let listed = number.checked_sub(1).and_then(|at| self.listed.get(at)).cloned();
        let listed = listed.ok_or_else(|| nothing(&format!("no thread {name} was listed")))?;
        self.open(Wish::Resume(listed))
    }

    /// They are heard.
    pub(super) fn threads(
        &mut self,
        why: ThreadsFor,
        threads: Result<Vec<Thread>, Trouble>,
    ) -> Result<(), Trouble> {
        match (why, threads) {
            (ThreadsFor::Listing, Ok(threads)) => {
                let lines = listings::threads(&threads, self.session.thread(), self.display.columns());
                self.listed = threads.into_iter().map(|thread| thread.id).collect();
                self.say(&lines)
            }
            (ThreadsFor::Listing, Err(trouble)) => {
                self.no_list(&trouble);
                Ok(())
            }
            (ThreadsFor::Resuming, threads) => {
                let resumed = threads.and_then(|threads| self.resume_latest(&threads));
                resumed.or_else(|trouble| self.not_opened(&trouble))
            }
        }
    }

    fn resume_latest(&mut self, threads: &[Thread]) -> Result<(), Trouble> {
        let is_another = |thread: &&Thread| Some(thread.id.as_str()) != self.session.thread();
        let latest = threads.iter().find(is_another);
        let latest = latest.ok_or_else(|| nothing("there is no other thread"))?;
        self.open(Wish::Resume(latest.id.clone()))
    }

    /// They are heard.
    pub(super) fn models(&mut self, models: Result<Vec<Model>, Trouble>) -> Result<(), Trouble> {
        match models {
            Ok(models) => {
                let now = self.options.model.as_deref().or(self.model.as_deref());
                let lines = listings::models(&models, now);
                self.say(&lines)
            }
            Err(trouble) => {
                self.no_list(&trouble);
                Ok(())
            }
        }
    }

    /// The connection's end is heard as well, and says more.
    fn no_list(&mut self, trouble: &Trouble) {
        if trouble.kind != Kind::ConnectionLost {
            self.trouble(trouble);
        }
    }
}

fn nothing(what: &str) -> Trouble {
    Trouble::new(Kind::Thread, format!("{what}; /list lists the threads of this directory"))
}
