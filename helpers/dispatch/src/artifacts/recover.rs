//! What a worker did to the artifacts while it lived, and undoing it. Nothing is ever written through a symlink: a
//! directory of ours that is none any more is made again.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clodex_core::{Grants, ViolationKind};

use super::{Artifacts, holds, identity, make_hidden, put};

/// What takes the place of whatever has its name when the run ends.
const WRITTEN_LAST: [&str; 8] = [
    "changes.patch",
    "policy.json",
    "post-diff-stat.txt",
    "post-status.txt",
    "result.json",
    "result.md",
    "seal.json",
    "verification.json",
];

/// Something that was done to the artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    /// The file, or the directory itself.
    pub path: PathBuf,
    /// How it differs.
    pub kind: ViolationKind,
    /// For people.
    pub detail: &'static str,
    /// Whether it is again as it was.
    pub restored: bool,
}

impl Artifacts {
    /// Finds what does not hold what was written to it, and writes it again as far as it can. Call it when nothing of
    /// the run lives any more. Where the whole place is gone it is made again for a worker that could have taken it
    /// away; else somebody moved it, and nothing is put in its place.
    pub fn recover(&mut self, reach: Option<&Grants>) -> Vec<Forged> {
        if let Some(mut directory) = self.forged_directory() {
            let by_worker = reach.is_none_or(|reach| reach.may_write(&self.dir));
            directory.restored = self.make_again(by_worker).is_ok();
            if directory.restored {
                self.write_all_again();
            }
            return vec![directory];
        }
        let mut forged = self.forged_small_files();
        forged.extend(self.forged_streams());
        forged.extend(self.added());
        forged
    }

    /// What lies beside the artifacts, was put there by nobody of ours and stays; each is told of once.
    fn added(&mut self) -> Vec<Forged> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let names = entries.flatten().map(|entry| entry.file_name());
        let is_ours = |name: &OsString| {
            let name = name.to_str();
            name.is_some_and(|name| {
                self.remembered.contains_key(name)
                    || self.streamed.contains_key(name)
                    || WRITTEN_LAST.contains(&name)
            })
        };
        let mut added: Vec<OsString> = names.filter(|name| !is_ours(name)).collect();
        added.retain(|name| self.strangers.insert(name.clone()));
        added.sort();
        let detail = "it was put among the artifacts of this run";
        let told =
            |name| Forged { path: self.dir.join(name), kind: ViolationKind::Added, detail, restored: false };
        added.into_iter().map(told).collect()
    }

    /// The directory, when it is not the one that was made: then its files are not worth a word each.
    fn forged_directory(&self) -> Option<Forged> {
        let (kind, detail) = match fs::symlink_metadata(&self.dir) {
            Err(_) => (ViolationKind::Removed, "the artifacts of this run were removed or moved away"),
            Ok(found) if !found.is_dir() => (
                ViolationKind::TypeChanged,
                "the artifact directory of this run was replaced by something else",
            ),
            Ok(found) if identity(&found) != self.identity => {
                (ViolationKind::Modified, "the artifact directory of this run was replaced by another one")
            }
            // Reached over a symlink further up.
            Ok(_) if self.dir.canonicalize().is_ok_and(|real| real != self.dir) => {
                (ViolationKind::Modified, "the artifacts of this run were moved behind a symlink")
            }
            Ok(_) => return None,
        };
        Some(Forged { path: self.dir.clone(), kind, detail, restored: false })
    }

    /// Makes the directory again at its old path, every step of which was a real directory; with what is none of ours
    /// above it, or only where that is there.
    fn make_again(&mut self, with_all_above: bool) -> io::Result<()> {
        let hidden = self.dir.parent().filter(|runs| is_hidden(runs));
        let ours = if hidden.is_some() { 3 } else { 1 };
        let path: Vec<&Path> = self.dir.ancestors().collect();
        for (level, step) in path.iter().enumerate().rev() {
            match fs::symlink_metadata(step) {
                Ok(found) if found.is_dir() => continue,
                Ok(_) if level < ours => fs::remove_file(step)?,
                Ok(_) => return Err(io::Error::other(format!("{} is not a directory", step.display()))),
                Err(gone) if level >= ours && !with_all_above => return Err(gone),
                Err(_) => {}
            }
            fs::DirBuilder::new().mode(0o700).create(step)?;
        }
        if let Some(runs) = hidden {
            make_hidden(runs)?;
        }
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700))?;
        self.identity = identity(&fs::symlink_metadata(&self.dir)?);
        Ok(())
    }

    fn write_all_again(&mut self) {
        for (name, small) in &mut self.remembered {
            small.written = put(&self.dir, name, &small.content).is_ok();
        }
        for stream in self.streamed.values() {
            // Whether it could be had back shows in the seal.
            stream.put_back_in(&self.dir);
        }
    }

    fn forged_small_files(&mut self) -> Vec<Forged> {
        let mut forged = Vec::new();
        for (name, small) in &mut self.remembered {
            let path = self.dir.join(name);
            if holds(&path, &small.content) {
                continue;
            }
            let was_written = small.written;
            small.written = put(&self.dir, name, &small.content).is_ok();
            if was_written {
                forged.push(changed(path, small.written));
            }
        }
        forged
    }

    fn forged_streams(&self) -> Vec<Forged> {
        let forged = self.streamed.iter().filter(|(_, stream)| !stream.is_whole_in(&self.dir));
        forged.map(|(name, stream)| changed(self.dir.join(name), stream.put_back_in(&self.dir))).collect()
    }
}

fn changed(path: PathBuf, restored: bool) -> Forged {
    let detail = "an artifact of this run was changed while it ran";
    Forged { path, kind: ViolationKind::Modified, detail, restored }
}

/// Whether it is the `.codex-dispatch/runs` of a work directory, and so ours.
fn is_hidden(runs: &Path) -> bool {
    runs.ends_with(".codex-dispatch/runs")
}

#[cfg(test)]
mod tests {
    use clodex_core::{Mode, RunId};

    use super::*;

    #[test]
    fn what_somebody_puts_beside_the_artifacts_is_told_once() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().canonicalize().unwrap();
        let id = RunId::new("20261122T041500Z", Mode::Worker, "add slug tests", "k3f9");
        let mut artifacts = Artifacts::create(&parent, &id).unwrap();
        artifacts.write("task.md", "do it").unwrap();
        let mut events = artifacts.stream("events.jsonl").unwrap();
        events.append(b"{}\n").unwrap();
        artifacts.close(events);
        assert_eq!(artifacts.recover(None), []);
        fs::write(artifacts.dir().join("result.json"), "x").unwrap();
        fs::write(artifacts.dir().join("evil.sh"), "x").unwrap();
        fs::create_dir(artifacts.dir().join("d")).unwrap();
        let told: Vec<_> = artifacts.recover(None).into_iter().map(|one| (one.path, one.kind)).collect();
        let added = |name: &str| (artifacts.dir().join(name), ViolationKind::Added);
        assert_eq!(told, [added("d"), added("evil.sh")]);
        assert_eq!(artifacts.recover(None), []);
    }
}
