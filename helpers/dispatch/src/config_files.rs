//! The files that hold settings and tiers: the user's and the project's. Reads them; what they may say is core's business.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clodex_core::{ExitCode, Layer, Tiers};

use crate::refusal::Refusal;

/// The texts that were there, with the names under which errors speak of them.
#[derive(Debug)]
pub struct ConfigFiles {
    user_dir: Option<PathBuf>,
    project_dir: PathBuf,
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
    pub fn read(project: &Path) -> Result<Self, Refusal> {
        let user_dir = user_dir();
        let project_dir = project.join(".clodex");
        let of_user = |name: &str| user_dir.as_ref().map_or(Ok(None), |dir| read(&dir.join(name)));
        let user_config = of_user("config.yaml")?;
        let mut tiers = Vec::new();
        tiers.extend(of_user("tiers.yaml")?);
        tiers.extend(read(&project_dir.join("tiers.yaml"))?);
        Ok(Self {
            user_config,
            project_config: read(&project_dir.join("config.yaml"))?,
            user_dir,
            project_dir,
            tiers,
        })
    }

    /// Layers of settings, strongest first: the project's, the user's.
    pub fn layers(&self) -> Result<Vec<Layer>, Refusal> {
        let mut layers = Vec::new();
        if let Some(file) = &self.project_config {
            let project = self.project_dir.parent().unwrap_or(&self.project_dir);
            layers.push(
                Layer::from_project_file(&file.name, &file.text, project).map_err(|error| usage(&error))?,
            );
        }
        if let (Some(file), Some(dir)) = (&self.user_config, &self.user_dir) {
            layers.push(Layer::from_user_file(&file.name, &file.text, dir).map_err(|error| usage(&error))?);
        }
        Ok(layers)
    }

    /// The tiers of all layers.
    pub fn tiers(&self) -> Result<Tiers, Refusal> {
        let files: Vec<(&str, &str)> =
            self.tiers.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
        Tiers::layered(&files).map_err(|error| usage(&error))
    }
}

fn usage(error: &impl std::fmt::Display) -> Refusal {
    Refusal::told(ExitCode::Usage, error)
}

fn user_dir() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("clodex"))
}

fn read(path: &Path) -> Result<Option<Named>, Refusal> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Named { name, text })),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => {
            Err(Refusal::usage(format!("cannot read `{name}`: {error}"), "make it readable, or remove it"))
        }
    }
}
