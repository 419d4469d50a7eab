//! What is said to a live run, a file a message, in the order in which it came.
//!
//! ```text
//! live/<run-id>.inbox/<name>.json      said, and not taken up yet
//! live/<run-id>.inbox/<name>.taken     taken up: whoever dies now leaves it unknown whether it was done
//! live/<run-id>.inbox/<name>.outcome   what became of it, for whoever sent it and waits
//! ```
//! The dispatcher takes a message up before it does what it says, and removes it when its outcome is written: so nothing
//! is done twice, and of what was left it is known whether it may have been done. Knows nothing of what messages mean.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clodex_core::{LIVE_MESSAGE_VERSION, LIVE_TEXT_MAX_BYTES, LiveFate, LiveMessage, LiveOutcome, RunId};

use super::RecordStore;
use crate::atomic_file::{self, Durability};
use crate::error::{Result, Tried as _};
use crate::process::ProcessId;
use crate::{DirectoryWatch, read_regular};

/// JSON may write a byte as six.
const FILE_MAX_BYTES: u64 = 6 * LIVE_TEXT_MAX_BYTES as u64 + 4096;

/// The inbox of a run, for whoever says something to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    dir: PathBuf,
}

/// A message on its way.
#[derive(Debug)]
pub struct SentMessage {
    inbox: Inbox,
    name: String,
}

/// What became of taking a message back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// Nobody had taken it up, and nobody will.
    Unsaid,
    /// Somebody has taken it up already.
    TooLate,
}

/// The inbox of a run, for its dispatcher.
#[derive(Debug)]
pub struct OpenInbox {
    inbox: Inbox,
    seen: HashSet<String>,
    told: HashSet<String>,
}

/// A message that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its name.
    pub name: String,
    /// What it says, or why it cannot be read.
    pub message: std::result::Result<LiveMessage, String>,
}

/// What lay in an inbox that nobody reads any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abandoned {
    /// Messages that nobody had taken up.
    pub unsaid: usize,
    /// Messages that somebody had taken up without telling what became of them.
    pub unknown: usize,
}

impl RecordStore {
    /// Where something can be said to a run.
    pub fn inbox(&self, id: &RunId) -> Inbox {
        Inbox::at(self.dir.inbox(id.as_str()))
    }
}

impl Inbox {
    pub(super) fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The directory: worth watching while an outcome is waited for.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Says something. When this returns it is on the disk, whatever becomes of the sender.
    pub fn send(&self, message: &LiveMessage) -> Result<SentMessage> {
        atomic_file::private_dir(&self.dir)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{:020}-{}-{}", since.as_nanos(), std::process::id(), crate::run_suffix());
        let sent = SentMessage { inbox: self.clone(), name };
        let content = serde_json::to_vec(message).map_err(std::io::Error::from);
        let content = content.tried("write down a message")?;
        atomic_file::replace(&sent.file("json"), &content, Durability::Synced)?;
        Ok(sent)
    }

    /// Begins to read it, and to be woken when something comes.
    pub fn open(self) -> Result<(OpenInbox, DirectoryWatch)> {
        atomic_file::private_dir(&self.dir)?;
        let watch = DirectoryWatch::new(&self.dir)?;
        Ok((OpenInbox { inbox: self, seen: HashSet::new(), told: HashSet::new() }, watch))
    }

    /// Nobody reads it any more: tells those who wait, `unsaid` where nobody had taken their message up, and removes what
    /// can be removed.
    pub fn abandon(&self, why: &str, unsaid: impl Fn(String) -> LiveFate) -> Abandoned {
        let mut abandoned = Abandoned::default();
        for name in self.names() {
            let fate = if let Some(message) = name.strip_suffix(".json") {
                abandoned.unsaid += 1;
                Some((message, unsaid(why.to_owned())))
            } else if let Some(message) = name.strip_suffix(".taken") {
                abandoned.unknown += 1;
                Some((message, LiveFate::Unknown(why.to_owned())))
            } else {
                None
            };
            if let Some((message, fate)) = fate.filter(|(message, _)| sender_lives(message)) {
                // Who sent it finds out by the record that nobody answers any more.
                let _ = self.write_outcome(message, &fate);
            }
            if !has_extension(&name, "outcome") || !sender_lives(&name) {
                let _ = fs::remove_file(self.dir.join(&name));
            }
        }
        // Where an outcome still lies, its reader lives and removes it.
        let _ = fs::remove_dir(&self.dir);
        abandoned
    }

    fn write_outcome(&self, name: &str, fate: &LiveFate) -> Result<()> {
        let content = serde_json::to_vec(&LiveOutcome::new(fate.clone())).map_err(std::io::Error::from);
        let content = content.tried("write down an outcome")?;
        atomic_file::replace(&self.dir.join(format!("{name}.outcome")), &content, Durability::Cached)
    }

    /// Names of its files, in order.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

impl SentMessage {
    /// What became of it so far; none = nobody has said anything.
    pub fn fate(&self) -> Option<LiveFate> {
        let bytes = read_regular(&self.file("outcome"), FILE_MAX_BYTES).ok()?;
        serde_json::from_slice::<LiveOutcome>(&bytes).ok().map(|outcome| outcome.fate)
    }

    /// Takes it back, unless somebody has taken it up.
    pub fn withdraw(&self) -> Withdrawn {
        match fs::remove_file(self.file("json")) {
            Ok(()) => Withdrawn::Unsaid,
            Err(_) => Withdrawn::TooLate,
        }
    }

    /// Nobody waits for its outcome any more.
    pub fn leave(self) {
        let _ = fs::remove_file(self.file("outcome"));
    }

    /// The run is over: the last one to leave removes the inbox.
    pub fn leave_for_good(self) {
        let dir = self.inbox.dir.clone();
        self.leave();
        let _ = fs::remove_dir(dir);
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.inbox.dir.join(format!("{}.{extension}", self.name))
    }
}

impl OpenInbox {
    /// What has come since the last look, oldest first.
    pub fn arrived(&mut self) -> Vec<Arrived> {
        let mut arrived = Vec::new();
        for file in self.inbox.names() {
            let Some(name) = file.strip_suffix(".json").filter(|name| !name.starts_with('.')) else {
                continue;
            };
            if self.seen.insert(name.to_owned()) {
                arrived.push(Arrived {
                    name: name.to_owned(),
                    message: read_message(&self.inbox.dir.join(&file)),
                });
            }
        }
        arrived
    }

    /// Takes a message up: what it says is done now. False = its sender has taken it back.
    pub fn take(&self, name: &str) -> bool {
        let [waiting, taken] = self.both(name);
        fs::rename(waiting, taken).is_ok()
    }

    /// It could not be done now, and will be tried once more.
    pub fn put_back(&self, name: &str) {
        let [waiting, taken] = self.both(name);
        // Left as taken it would be called unknown after a crash, which is no lie.
        let _ = fs::rename(taken, waiting);
    }

    /// Tells what became of a message; where that is final, the message goes.
    pub fn tell(&mut self, name: &str, fate: &LiveFate) -> Result<()> {
        let outcome = self.inbox.dir.join(format!("{name}.outcome"));
        // Who was told something and went away does not come back for more.
        let told = if self.told.insert(name.to_owned()) || outcome.exists() {
            self.inbox.write_outcome(name, fate)
        } else {
            Ok(())
        };
        if fate.is_final() {
            self.told.remove(name);
            for file in self.both(name) {
                let _ = fs::remove_file(file);
            }
        }
        told
    }

    fn both(&self, name: &str) -> [PathBuf; 2] {
        ["json", "taken"].map(|extension| self.inbox.dir.join(format!("{name}.{extension}")))
    }
}

impl Abandoned {
    /// For people; none when nothing was left.
    pub fn text(self) -> Option<String> {
        let of = |n: usize, what: &str| {
            let message = if n == 1 { "message" } else { "messages" };
            (n > 0).then(|| format!("{n} {message} {what}"))
        };
        let parts =
            [of(self.unsaid, "to it never reached it"), of(self.unknown, "to it may have reached it or not")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn read_message(path: &Path) -> std::result::Result<LiveMessage, String> {
    let bytes = read_regular(path, FILE_MAX_BYTES).map_err(|error| error.to_string())?;
    let message: LiveMessage = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if message.version == LIVE_MESSAGE_VERSION {
        Ok(message)
    } else {
        Err(format!("its version is {}, and {LIVE_MESSAGE_VERSION} is known here", message.version))
    }
}

/// Whether somebody is there to read what became of a message: its name says who sent it.
fn sender_lives(name: &str) -> bool {
    let pid = name.split('-').nth(1).and_then(|pid| pid.parse().ok());
    pid.and_then(ProcessId::of).is_some_and(ProcessId::is_alive)
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use clodex_core::LiveWish;

    use super::*;

    fn steer(text: &str) -> LiveMessage {
        LiveMessage::new(LiveWish::Steer(text.to_owned()))
    }

    fn place() -> (tempfile::TempDir, Inbox) {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::at(folder.path().join("run.inbox"));
        (folder, inbox)
    }

    fn files(inbox: &Inbox) -> Vec<String> {
        inbox.names().iter().map(|name| name.rsplit('.').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn messages_arrive_once_in_order_whoever_came_first() {
        let (_folder, inbox) = place();
        let first = inbox.send(&steer("one")).unwrap();
        let (mut open, _watch) = inbox.clone().open().unwrap();
        let second = inbox.send(&steer("two")).unwrap();
        let said: Vec<LiveMessage> =
            open.arrived().into_iter().map(|arrived| arrived.message.unwrap()).collect();
        assert_eq!(said, [steer("one"), steer("two")]);
        assert_eq!(open.arrived(), []);
        assert_eq!(first.fate(), None);
        assert_eq!(second.withdraw(), Withdrawn::Unsaid);
        assert!(!open.take(&second.name), "it was taken back");
        assert!(open.take(&first.name));
        assert_eq!(first.withdraw(), Withdrawn::TooLate);
    }

    #[test]
    fn who_waits_is_told_and_who_went_away_is_not() {
        let (_folder, inbox) = place();
        let (mut open, _watch) = inbox.clone().open().unwrap();
        let (waits, went) = (inbox.send(&steer("one")).unwrap(), inbox.send(&steer("two")).unwrap());
        let names = [waits.name.clone(), went.name.clone()];
        for name in &names {
            open.tell(name, &LiveFate::Queued("its turn".into())).unwrap();
        }
        assert_eq!(went.fate(), Some(LiveFate::Queued("its turn".into())));
        went.leave();
        for name in &names {
            open.take(name);
            open.tell(name, &LiveFate::Delivered(None)).unwrap();
        }
        assert_eq!(waits.fate(), Some(LiveFate::Delivered(None)));
        assert_eq!(files(&inbox), ["outcome"]);
        waits.leave();
        assert_eq!(inbox.abandon("over", LiveFate::Ended), Abandoned::default());
        assert!(!inbox.path().exists());
    }

    #[test]
    fn of_what_was_left_it_is_known_whether_it_may_have_been_done() {
        let (_folder, inbox) = place();
        let (mut open, _watch) = inbox.clone().open().unwrap();
        let [unsaid, taken, again] = ["one", "two", "three"].map(|text| inbox.send(&steer(text)).unwrap());
        assert_eq!(open.arrived().len(), 3);
        open.take(&taken.name);
        open.take(&again.name);
        open.put_back(&again.name);
        fs::write(inbox.path().join(".half.tmp"), "").unwrap();
        let left = inbox.abandon("it died", LiveFate::Ended);
        assert_eq!(left, Abandoned { unsaid: 2, unknown: 1 });
        assert_eq!(
            left.text().unwrap(),
            "2 messages to it never reached it, 1 message to it may have reached it or not"
        );
        assert_eq!(unsaid.fate(), Some(LiveFate::Ended("it died".into())));
        assert_eq!(taken.fate(), Some(LiveFate::Unknown("it died".into())));
        for sent in [unsaid, taken, again] {
            sent.leave_for_good();
        }
        assert!(!inbox.path().exists());
    }

    #[test]
    fn what_a_dead_sender_would_have_read_goes_with_the_run() {
        let (_folder, inbox) = place();
        let (mut open, _watch) = inbox.clone().open().unwrap();
        let nobody = format!("1-{}-a", i32::MAX);
        open.tell(&nobody, &LiveFate::Delivered(None)).unwrap();
        fs::write(inbox.path().join(format!("2-{}-b.json", i32::MAX)), "{}").unwrap();
        assert_eq!(inbox.abandon("over", LiveFate::Ended), Abandoned { unsaid: 1, unknown: 0 });
        assert!(!inbox.path().exists());
    }

    #[test]
    fn what_is_no_message_says_so_and_what_is_half_written_is_none() {
        let (_folder, inbox) = place();
        let (mut open, _watch) = inbox.clone().open().unwrap();
        fs::write(inbox.path().join(".1.json.tmp"), "{").unwrap();
        fs::write(inbox.path().join("1.json"), r#"{"version":2,"wish":"interrupt"}"#).unwrap();
        fs::write(inbox.path().join("2.json"), "{").unwrap();
        let arrived = open.arrived();
        assert_eq!(arrived.len(), 2);
        assert_eq!(arrived[0].message, Err("its version is 2, and 1 is known here".to_owned()));
        assert!(arrived[1].message.is_err());
    }
}
