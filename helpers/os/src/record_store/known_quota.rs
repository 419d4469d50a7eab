//! What is known of the limits of the accounts that are used here: a small private file for each home of Codex. Which
//! account that is nobody knows but Codex.

use std::path::{Path, PathBuf};

use clodex_core::{Quota, path_text};
use serde::{Deserialize, Serialize};

use super::StateDir;
use super::state_dir::read_record;
use crate::Result;
use crate::atomic_file::{self, Durability};

/// Format version of the file.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// The file's name is a hash.
    codex_home: String,
    #[serde(flatten)]
    quota: Quota,
}

impl StateDir {
    /// What was told last of the account that this Codex home belongs to.
    pub fn known_quota(&self, codex_home: &Path) -> Option<Quota> {
        let home = real(codex_home);
        let kept: Kept = serde_json::from_slice(&read_record(&self.quota_of(&home))?).ok()?;
        (kept.version == VERSION && kept.codex_home == text(&home)).then_some(kept.quota)
    }

    /// Keeps what was told, unless something later is known: of runs that end at the same time one is the last.
    pub fn keep_quota(&self, codex_home: &Path, quota: &Quota) -> Result<()> {
        if self.known_quota(codex_home).is_some_and(|known| known.told_at > quota.told_at) {
            return Ok(());
        }
        let home = real(codex_home);
        let path = self.quota_of(&home);
        if let Some(dir) = path.parent() {
            atomic_file::private_dir(dir)?;
        }
        let kept = Kept { version: VERSION, codex_home: text(&home), quota: quota.clone() };
        let content = serde_json::to_vec(&kept).expect("our own types can be written as JSON");
        atomic_file::replace(&path, &content, Durability::Cached)
    }

    fn quota_of(&self, home: &Path) -> PathBuf {
        self.quota(home.as_os_str().as_encoded_bytes())
    }
}

/// The same home by whatever name.
fn real(codex_home: &Path) -> PathBuf {
    let absolute = || std::path::absolute(codex_home).unwrap_or_else(|_| codex_home.to_owned());
    codex_home.canonicalize().unwrap_or_else(|_| absolute())
}

fn text(path: &Path) -> String {
    path_text(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use clodex_core::{RateLimits, RateWindow};

    use super::*;

    fn quota(told_at: i64, used_percent: u8) -> Quota {
        let primary = Some(RateWindow { used_percent, minutes: None, resets_at: None });
        Quota { told_at, limits: RateLimits { primary, ..RateLimits::default() } }
    }

    #[test]
    fn the_latest_is_kept_for_each_home_and_for_nobody_elses_eyes() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path().join("state"));
        let (home, link) = (folder.path().join("home"), folder.path().join("link"));
        std::fs::create_dir(&home).unwrap();
        std::os::unix::fs::symlink(&home, &link).unwrap();
        assert_eq!(state.known_quota(&home), None);
        state.keep_quota(&home, &quota(5, 50)).unwrap();
        state.keep_quota(&link, &quota(4, 40)).unwrap();
        assert_eq!(state.known_quota(&link), Some(quota(5, 50)));
        state.keep_quota(&link, &quota(6, 60)).unwrap();
        assert_eq!(state.known_quota(&home), Some(quota(6, 60)));
        assert_eq!(state.known_quota(&folder.path().join("other")), None);
        let file = state.quota_of(&real(&home));
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(file.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(state.known_quota(&home), None);
    }

    #[test]
    fn what_an_earlier_version_kept_is_read() {
        let text = include_str!("quota-v1.json");
        let kept: Kept = serde_json::from_str(text).unwrap();
        assert_eq!((kept.version, kept.codex_home.as_str()), (1, "/home/u/.codex"));
        assert_eq!(
            kept.quota.limits.windows().map(|window| window.used_percent).collect::<Vec<_>>(),
            [21, 40]
        );
        assert_eq!(serde_json::to_string(&kept).unwrap() + "\n", text);
    }
}
