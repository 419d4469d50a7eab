//! The user's side of a run over the app-server: its inbox, the questions that wait, and what follows from the scope
//! without asking. The [`Desk`] decides; this looks at files. What is to be done with Codex is the loop's.

use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::app_server::{AskedOfUs, Reply};
use clodex_core::{
    Denied, OpenRequest, PatchApproval, PatchedPath, ScopeRules, cut, harmless, patch_approval,
};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{Inbox, OpenInbox};

use crate::channel::Message;
use crate::desk::{Desk, Do, Patience, Question};
use crate::plan::Plan;

/// Approvals that are listed by name.
const LISTED: usize = 100;
const NOTE_COLUMNS: usize = 200;

/// The user's side of one run.
#[derive(Debug)]
pub struct LiveControl {
    /// Who decides.
    pub desk: Desk,
    inbox: Option<OpenInbox>,
    rules: ScopeRules,
    root: PathBuf,
    workdir: PathBuf,
    answer: Option<Duration>,
    /// Patches that were declined, because they are out of scope.
    pub declined: Vec<Denied>,
    /// Remarks for the report.
    pub notes: Vec<String>,
    /// What the user let out of the sandbox, and what else was not as promised.
    pub degraded: Vec<String>,
}

impl LiveControl {
    /// Of a run that can be told nothing: on another backend.
    pub fn deaf(plan: &Plan) -> Self {
        let seconds = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        let root = plan.tree.root();
        Self {
            desk: Desk::new(Patience { idle: seconds(plan.idle_timeout_sec) }),
            inbox: None,
            rules: plan.rules.clone(),
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            workdir: plan.workdir.clone(),
            answer: seconds(plan.answer_timeout_sec),
            declined: vec![],
            notes: vec![],
            degraded: vec![],
        }
    }

    /// Of a run that can be told something: the loop is woken when a message comes.
    pub fn listening(plan: &Plan, inbox: Inbox, wake: SyncSender<Message>) -> Self {
        let mut control = Self::deaf(plan);
        match inbox.open() {
            Ok((open, mut watch)) => {
                // What came before the watch is looked at once; the loop may be gone when the last change is told.
                thread::spawn(move || while wake.send(Message::Inbox).is_ok() && watch.wait(None).is_ok() {});
                control.inbox = Some(open);
            }
            Err(error) => control.degraded.push(format!("the run could not be told anything: {error}")),
        }
        control
    }

    /// What has come into the inbox.
    pub fn arrived(&mut self) -> Vec<Do> {
        let Some(inbox) = &mut self.inbox else { return vec![] };
        let arrived = inbox.arrived();
        arrived.into_iter().flat_map(|arrived| self.desk.message(arrived.name, arrived.message)).collect()
    }

    /// Takes a message up; false = its sender has taken it back.
    pub fn take(&mut self, name: &str) -> bool {
        self.inbox.as_ref().is_some_and(|inbox| inbox.take(name))
    }

    /// A message waits again.
    pub fn put_back(&mut self, name: &str) {
        if let Some(inbox) = &self.inbox {
            inbox.put_back(name);
        }
    }

    /// Tells what became of a message.
    pub fn tell(&mut self, name: &str, fate: &clodex_core::LiveFate) {
        if let Some(inbox) = &mut self.inbox
            && let Err(error) = inbox.tell(name, fate)
        {
            self.note(format!("a sender could not be told what became of its message: {error}"));
        }
    }

    /// Codex asks: what the scope decides is answered, the rest waits for the user.
    pub fn asked(&mut self, number: u64, about: &AskedOfUs, now: Instant) -> Vec<Do> {
        let reply = |reply| vec![Do::Reply { question: number, reply, name: None }];
        let paths = match about {
            AskedOfUs::Patch { paths, .. } => paths,
            AskedOfUs::Nobody(_) => return reply(Reply::Decline),
            // It stays in its sandbox and breaks a rule of Codex's own (`rm -f`), which nobody can weigh for the scope.
            AskedOfUs::Command { command, reason } if reason.is_empty() => {
                let command = cut(&harmless(command), NOTE_COLUMNS);
                self.note(format!("declined, as codex's own rules are kept: `{command}`"));
                return reply(Reply::Decline);
            }
            AskedOfUs::Command { .. } | AskedOfUs::Permissions { .. } | AskedOfUs::Words(_) => {
                let deadline = self.answer.map(|answer| (now + answer, Timestamp::now().after(answer)));
                let question = Question::of(about, deadline);
                return match (question, deadline) {
                    (Some(question), Some(_)) => self.desk.asked(number, question),
                    (Some(question), None) => {
                        self.note(format!("declined, because nobody was to be asked: {}", question.text));
                        reply(Reply::Decline)
                    }
                    (None, _) => reply(Reply::Decline),
                };
            }
        };
        let files: Vec<PatchedPath> = paths.iter().map(|path| self.place(path)).collect();
        match patch_approval(&self.rules, &files) {
            PatchApproval::Accept => reply(Reply::Accept),
            PatchApproval::Decline { out_of_scope } => {
                for path in out_of_scope {
                    let denied = Denied { path: Some(path), by: "patch".to_owned() };
                    if self.declined.len() < LISTED && !self.declined.contains(&denied) {
                        self.declined.push(denied);
                    }
                }
                reply(Reply::Decline)
            }
        }
    }

    /// A question was answered, by the user or by its deadline.
    pub fn settled(&mut self, question: &Question, reply: &Reply, by_user: bool) {
        match (&question.command, reply, by_user) {
            (Some(command), Reply::Accept, _) => {
                let command = cut(&harmless(command), NOTE_COLUMNS);
                self.degraded.push(format!("the user let a command out of the sandbox: `{command}`"));
            }
            (_, Reply::Decline | Reply::Cancel, true) => {
                self.note(format!("declined by the user: {}", question.text));
            }
            (_, _, false) => {
                self.note(format!("declined, because nobody answered in time: {}", question.text));
            }
            (None, Reply::Accept, true) => {
                self.degraded.push(format!("accepted by the user: {}", question.text));
            }
            (_, Reply::Text(_), true) => self.note(format!("answered by the user: {}", question.text)),
        }
    }

    /// The questions that wait, for the record.
    pub fn open_requests(&self) -> Vec<OpenRequest> {
        self.desk.questions().map(|(number, question)| question.shown(number)).collect()
    }

    /// What is waited for, in a line; none when nothing is.
    pub fn waits_for(&self) -> Option<String> {
        if let Some((_, question)) = self.desk.questions().next() {
            return Some(question.text.clone());
        }
        self.desk.waits_to_go_on().then(|| "interrupted: clodex-steer goes on".to_owned())
    }

    /// Nothing is said or asked any more: what was never said is noted.
    pub fn close(&mut self, inbox: &Inbox) {
        let unsaid = self.desk.unsaid();
        for text in unsaid {
            self.note(format!("never said to it: {}", cut(&harmless(&text), NOTE_COLUMNS)));
        }
        if self.inbox.take().is_some()
            && let Some(left) = inbox.abandon("the run ended first").text()
        {
            self.note(left);
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < LISTED {
            self.notes.push(note);
        }
    }

    /// Where a file of a patch really lies: what is there of its path is seen through, the rest must be plain names.
    fn place(&self, path: &str) -> PatchedPath {
        let elsewhere = || PatchedPath::Elsewhere(path.to_owned());
        let absolute = self.workdir.join(path);
        let Some(real) = real_place(&absolute) else { return elsewhere() };
        match real.strip_prefix(&self.root) {
            Ok(inside) => PatchedPath::InTree(inside.as_os_str().as_encoded_bytes().to_vec()),
            Err(_) => elsewhere(),
        }
    }
}

/// The path without symlinks; none where that cannot be told.
fn real_place(path: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    let mut there = path;
    loop {
        // A symlink that leads nowhere is there, and a write through it goes where it leads.
        match there.symlink_metadata() {
            Ok(_) => {
                let mut real = there.canonicalize().ok()?;
                real.extend(missing.iter().rev());
                return Some(real);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                match there.components().next_back()? {
                    Component::Normal(name) => missing.push(name),
                    _ => return None,
                }
                there = there.parent()?;
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_file_really_lies_is_seen_through_symlinks() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("src/deep")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("src/link")).unwrap();
        std::os::unix::fs::symlink("/nowhere/at/all", root.join("src/dangling")).unwrap();
        std::os::unix::fs::symlink("deep", root.join("src/near")).unwrap();
        let place = |path: &str| real_place(&root.join(path));
        assert_eq!(place("src/new/file"), Some(root.join("src/new/file")));
        assert_eq!(place("src/link/file"), Some(PathBuf::from("/etc/file")));
        assert_eq!(place("src/near/file"), Some(root.join("src/deep/file")));
        assert_eq!(place("src/dangling"), None);
        assert_eq!(place("src/missing/../../../x"), None);
    }
}
