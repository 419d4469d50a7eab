//! git's configuration as libgit2 reads it, with all that it includes: what the user calls ignored, and how a work tree
//! is compared with its index. Never asked for what is looked at; runs nothing that is named there.

use std::env;
use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel, Repository};

use crate::tree::common_dir_of;

/// What libgit2 reads when it opens a repository. Another kind of thing than a file could hold it up.
const READ_AT_ONCE: [&str; 4] = ["config", "config.worktree", "commondir", "gitdir"];

/// The configuration of one repository, or what of it could be read.
pub(crate) struct GitConfig(Option<Config>);

impl GitConfig {
    /// Reads system, user and repository, with `include` and `includeIf`; of a repository that libgit2 does not take
    /// (another hash, another owner) without the latter.
    pub(crate) fn of(git_dir: &Path) -> Self {
        let is_plain = |path: PathBuf| path.symlink_metadata().map_or(true, |found| found.is_file());
        let common_dir = common_dir_of(git_dir);
        let plain = READ_AT_ONCE.iter().all(|name| is_plain(git_dir.join(name)))
            && is_plain(common_dir.join("config"));
        let whole = || Repository::open(git_dir).and_then(|repository| repository.config());
        Self(if plain { whole().or_else(|_| by_files(git_dir, &common_dir)) } else { users() }.ok())
    }

    /// Whether it could be read.
    pub(crate) fn is_read(&self) -> bool {
        self.0.is_some()
    }

    /// The file that a setting of the user's or the system's own names; the repository has no say.
    pub(crate) fn users_path(&self, name: &str) -> Option<PathBuf> {
        self.last(name, |level| !matches!(level, ConfigLevel::Local | ConfigLevel::Worktree))
            .and_then(expanded)
    }

    /// The file that a setting names.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.last(name, |_| true).and_then(expanded)
    }

    /// What a setting says.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.last(name, |_| true)
    }

    /// What a switch says that is neither on nor off unless it is set.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.0.as_ref()?.get_bool(name).ok()
    }

    fn last(&self, name: &str, counts: impl Fn(ConfigLevel) -> bool) -> Option<String> {
        let mut found: Option<(i32, String)> = None;
        self.each(|known, level, value| {
            let is_later = found.as_ref().is_none_or(|(before, _)| *before <= level as i32);
            if known == name && counts(level) && is_later {
                found = Some((level as i32, value.to_owned()));
            }
        });
        found.map(|(_, value)| value)
    }

    /// The subsections of a section in which one of the keys says something.
    pub(crate) fn subsections_with(&self, section: &str, keys: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        self.each(|name, _, value| {
            let parts = name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'));
            let parts = parts.and_then(|rest| rest.rsplit_once('.'));
            if let Some((subsection, _)) = parts.filter(|(_, key)| keys.contains(key) && !value.is_empty()) {
                found.push(subsection.to_owned());
            }
        });
        found
    }

    /// Sections and keys come in lower case.
    fn each(&self, mut each: impl FnMut(&str, ConfigLevel, &str)) {
        let Some(entries) = self.0.as_ref().and_then(|config| config.entries(None).ok()) else { return };
        // What cannot be read is left out: git itself stops there.
        let _ = entries.for_each(|entry| {
            if let Ok(name) = entry.name() {
                let value = if entry.has_value() { entry.value().unwrap_or_default() } else { "true" };
                each(name, entry.level(), value);
            }
        });
    }
}

/// A directory below the user's own configuration, as git looks for it.
pub(crate) fn users_file(name: &str) -> Option<PathBuf> {
    let named = env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let dir = named.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".config")));
    Some(dir?.join("git").join(name))
}

fn expanded(text: String) -> Option<PathBuf> {
    match text.strip_prefix("~/") {
        Some(rest) => Some(PathBuf::from(env::var_os("HOME")?).join(rest)),
        None => Some(text.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty()),
    }
}

fn users() -> Result<Config, git2::Error> {
    Config::open_default()
}

fn by_files(git_dir: &Path, common_dir: &Path) -> Result<Config, git2::Error> {
    let mut config = users()?;
    config.add_file(&common_dir.join("config"), ConfigLevel::Local, false)?;
    let of_worktree = git_dir.join("config.worktree");
    if of_worktree.is_file() {
        config.add_file(&of_worktree, ConfigLevel::Worktree, false)?;
    }
    Ok(config)
}
