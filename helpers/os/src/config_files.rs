//! The files that hold settings and tiers: the user's and the project's. Reads them; what they may say is core's business.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clodex_core::{Layer, Tiers, YamlError};

/// A file of settings or tiers that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is there and cannot be read.
    #[error("cannot read `{file}`: {why}\n  hint: make it readable, or remove it")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        why: String,
    },
    /// It says what it may not say.
    #[error(transparent)]
    Refused(#[from] YamlError),
}

/// The texts that were there, with the names under which errors speak of them.
#[derive(Debug)]
pub struct ConfigFiles {
    user_dir: Option<PathBuf>,
    project: PathBuf,
    user_config: Option<Named>,
    project_config: Option<Named>,
    tiers: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    name: String,
    text: String,
}

impl ConfigFiles {
    /// Reads `config.yaml` and `tiers.yaml` of `${XDG_CONFIG_HOME:-~/.config}/clodex` and of `<project>/.clodex`.
    pub fn read(project: &Path) -> Result<Self, ConfigError> {
        Self::read_from(user_dir(), Some(project))
    }

    /// Reads the user's alone.
    pub fn of_user() -> Result<Self, ConfigError> {
        Self::read_from(user_dir(), None)
    }

    fn read_from(user_dir: Option<PathBuf>, project: Option<&Path>) -> Result<Self, ConfigError> {
        let project_dir = project.map(|project| project.join(".clodex"));
        let in_dir =
            |dir: &Option<PathBuf>, name: &str| dir.as_ref().map_or(Ok(None), |dir| read(&dir.join(name)));
        let user_config = in_dir(&user_dir, "config.yaml")?;
        let mut tiers = Vec::new();
        tiers.extend(in_dir(&user_dir, "tiers.yaml")?);
        tiers.extend(in_dir(&project_dir, "tiers.yaml")?);
        Ok(Self {
            user_config,
            project_config: in_dir(&project_dir, "config.yaml")?,
            user_dir,
            project: project.map(Path::to_owned).unwrap_or_default(),
            tiers,
        })
    }

    /// Layers of settings, strongest first: the project's, the user's.
    pub fn layers(&self) -> Result<Vec<Layer>, ConfigError> {
        Ok(self.project_layer()?.into_iter().chain(self.user_layer()?).collect())
    }

    /// Whether the user's own file speaks of this key, without reading what it says.
    pub fn user_speaks_of(&self, key: &str) -> bool {
        self.user_config.as_ref().is_some_and(|file| file.text.contains(key))
    }

    /// What the user's own file says.
    pub fn user_layer(&self) -> Result<Option<Layer>, ConfigError> {
        let (Some(file), Some(dir)) = (&self.user_config, &self.user_dir) else { return Ok(None) };
        Ok(Some(Layer::from_user_file(&file.name, &file.text, dir)?))
    }

    fn project_layer(&self) -> Result<Option<Layer>, ConfigError> {
        let Some(file) = &self.project_config else { return Ok(None) };
        Ok(Some(Layer::from_project_file(&file.name, &file.text, &self.project)?))
    }

    /// The tiers of all layers.
    pub fn tiers(&self) -> Result<Tiers, ConfigError> {
        let files: Vec<(&str, &str)> =
            self.tiers.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
        Ok(Tiers::layered(&files)?)
    }

    /// Names of the files that are there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let configs = [&self.user_config, &self.project_config].into_iter().flatten();
        configs.chain(&self.tiers).map(|file| file.name.as_str())
    }

    /// Everything that is wrong with what was read.
    pub fn problems(&self) -> Vec<ConfigError> {
        let layers = [self.project_layer().err(), self.user_layer().err(), self.tiers().err()];
        layers.into_iter().flatten().collect()
    }
}

fn user_dir() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("clodex"))
}

fn read(path: &Path) -> Result<Option<Named>, ConfigError> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Named { name, text })),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(ConfigError::Unreadable { file: name, why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_with_its_file_and_line() {
        let root = tempfile::tempdir().unwrap();
        let (user, project) = (root.path().join("user"), root.path().join("project"));
        fs::create_dir_all(project.join(".clodex")).unwrap();
        fs::create_dir_all(&user).unwrap();
        let of = || ConfigFiles::read_from(Some(user.clone()), Some(&project));
        assert_eq!((of().unwrap().problems(), of().unwrap().names().count()), (vec![], 0));
        fs::write(user.join("config.yaml"), "timeout_sec: 5\nretention_days: soon\n").unwrap();
        fs::write(project.join(".clodex/config.yaml"), "retention_days: 1\n").unwrap();
        fs::write(project.join(".clodex/tiers.yaml"), "tiers:\n  fast: {modl: x}\n").unwrap();
        let problems: Vec<String> = of().unwrap().problems().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(
            problems[0].contains("project/.clodex/config.yaml`: a project file may not set retention_days")
        );
        assert!(
            problems[1].contains("user/config.yaml`: ") && problems[1].contains("line 2"),
            "{problems:?}"
        );
        assert!(problems[2].contains("tiers.yaml`: ") && problems[2].contains("line 2"), "{problems:?}");
        let read = of().unwrap();
        assert!(read.user_speaks_of("retention_days") && !read.user_speaks_of("stop_gate"));
        fs::create_dir(user.join("tiers.yaml")).unwrap();
        assert!(matches!(of(), Err(ConfigError::Unreadable { .. })));
    }
}
