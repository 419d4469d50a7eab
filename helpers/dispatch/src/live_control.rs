//! The user's side of a run over the app-server: its inbox, the questions that wait, and what follows from the scope
//! without asking. The [`LiveSession`] decides; this looks at files. What is to be done with Codex is the loop's.

use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::app_server::{AskedOfUs, Reply};
use clodex_core::{
    Denied, LiveFate, OpenRequest, PatchApproval, PatchedPath, ScopeRules, cut, harmless, patch_approval,
};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::{Arrived, Inbox, OpenInbox};

use crate::channel::Message;
use crate::live_session::{LiveAction, LiveSession, NotAsked, Patience, Question, Said};
use crate::plan::Plan;

/// Approvals that are listed by name.
const LISTED: usize = 100;
const NOTE_COLUMNS: usize = 200;
const DEGRADED_COLUMNS: usize = 300;

/// The user's side of one run.
#[derive(Debug)]
pub struct LiveControl {
    /// Who decides.
    pub session: LiveSession,
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
    /// Whether the user let anything out of the sandbox: then nobody knows any more what the run could write.
    pub let_out: bool,
}

impl LiveControl {
    /// Of a run that can be told nothing: on another backend.
    pub fn deaf(plan: &Plan) -> Self {
        let seconds = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        let root = plan.tree.root();
        Self {
            session: LiveSession::new(Patience { idle: seconds(plan.idle_timeout_sec) }, plan.prompt.len()),
            inbox: None,
            rules: plan.rules.clone(),
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            workdir: plan.workdir.clone(),
            answer: seconds(plan.answer_timeout_sec),
            declined: vec![],
            notes: vec![],
            degraded: vec![],
            let_out: false,
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
            Err(error) => control.degraded.push(format!("messages cannot reach the run: {error}")),
        }
        control
    }

    /// What has come into the inbox. What one comes to has to be done before the next is decided on.
    pub fn arrived(&mut self) -> Vec<Arrived> {
        self.inbox.as_mut().map(OpenInbox::arrived).unwrap_or_default()
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
    pub fn tell(&mut self, name: &str, fate: &LiveFate) {
        if let Some(inbox) = &mut self.inbox
            && let Err(error) = inbox.tell(name, fate)
        {
            self.note(format!("the fate of a message could not be reported to its sender: {error}"));
        }
    }

    /// Codex asks: what the scope decides is answered, the rest waits for the user.
    pub fn asked(&mut self, number: u64, about: &AskedOfUs, now: Instant) -> Vec<LiveAction> {
        let reply = |reply| vec![LiveAction::Reply { question: number, reply, name: None }];
        let paths = match about {
            AskedOfUs::Patch { paths, .. } => paths,
            AskedOfUs::Nobody(_) => return reply(Reply::Decline),
            // It stays in its sandbox and breaks a rule of Codex's own (`rm -f`), which nobody can weigh for the scope.
            AskedOfUs::Command { command, wanted: None, reason, .. } if reason.is_empty() => {
                let command = cut(&harmless(command), NOTE_COLUMNS);
                self.note(format!("declined, because it breaks one of Codex's own rules: `{command}`"));
                return reply(Reply::Decline);
            }
            AskedOfUs::Command { .. } | AskedOfUs::Permissions { .. } | AskedOfUs::Words { .. } => {
                let deadline = self.answer.map(|answer| (now + answer, Timestamp::now().after(answer)));
                return match (Question::of(about, deadline), deadline) {
                    (Ok(question), Some(_)) => self.session.asked(number, question),
                    (Ok(question), None) => {
                        self.note(format!(
                            "declined, because questions are disabled (--answer-timeout 0): {}",
                            question.text
                        ));
                        reply(Reply::Decline)
                    }
                    (Err(NotAsked::TooLong), _) => {
                        self.note("declined: a question that is too long to be read to its end".to_owned());
                        reply(Reply::Decline)
                    }
                    (Err(NotAsked::NotForPeople), _) => reply(Reply::Decline),
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
        match (&question.lets, reply, by_user) {
            (Some(lets), Reply::Accept, _) => {
                self.let_out = true;
                self.degraded.push(cut(&harmless(lets), DEGRADED_COLUMNS));
            }
            (_, Reply::Decline | Reply::Cancel, true) => {
                self.note(format!("declined by the user: {}", question.text));
            }
            (_, _, false) => {
                self.note(format!("declined, because nobody answered in time: {}", question.text));
            }
            (None, Reply::Accept, true) => self.note(format!("accepted by the user: {}", question.text)),
            (_, Reply::Text(_) | Reply::Answers(_), true) => {
                self.note(format!("answered by the user: {}", question.text));
            }
        }
    }

    /// The questions that wait, for the record.
    pub fn open_requests(&self) -> Vec<OpenRequest> {
        self.session.questions().map(|(number, question)| question.shown(number)).collect()
    }

    /// What is waited for, in a line; none when nothing is.
    pub fn waits_for(&self) -> Option<String> {
        if let Some((_, question)) = self.session.questions().next() {
            return Some(question.text.clone());
        }
        self.session.waits_to_go_on().then(|| "interrupted: clodex-steer goes on".to_owned())
    }

    /// Another way to Codex is taken, on which nothing can be said any more: what waits is given away, to be said with
    /// the task.
    pub fn hand_over(&mut self) -> Vec<String> {
        for Arrived { name, message } in self.arrived() {
            for todo in self.session.message(name, message) {
                if let LiveAction::Tell { name, fate } = todo {
                    self.tell(&name, &fate);
                }
            }
        }
        let (mut texts, how) = (Vec::new(), "it is appended to the task, on `codex exec`");
        for Said { name, text } in self.session.hand_over() {
            if self.take(&name) {
                self.tell(&name, &LiveFate::Delivered(Some(how.to_owned())));
                self.note(format!(
                    "said before it began, and put behind the task: {}",
                    cut(&harmless(&text), NOTE_COLUMNS)
                ));
                texts.push(text);
            }
        }
        texts
    }

    /// Nothing is said or asked any more: who waits is told why, and what was never said is noted.
    pub fn close(&mut self, inbox: &Inbox, why: &str, unsaid: fn(String) -> LiveFate) {
        for todo in self.session.end(why, unsaid) {
            if let LiveAction::Tell { name, fate } = todo {
                self.tell(&name, &fate);
            }
        }
        for text in self.session.unsaid() {
            self.note(format!("never said to it: {}", cut(&harmless(&text), NOTE_COLUMNS)));
        }
        if self.inbox.take().is_some()
            && let Some(left) = inbox.abandon(why, unsaid).text()
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
