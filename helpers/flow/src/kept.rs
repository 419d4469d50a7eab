//! What is kept of a flow's beginning, to the byte, and what that comes to: whoever goes on later plans from the same
//! things, whatever the settings and the flow's file are by then.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clodex_core::{Isolate, Layer, Settings};
use clodex_os::{ConfigFiles, Failure, project_root};

use crate::cli::LimitArguments;
use crate::flow::{Flow, OnFailure, Overlap};
use crate::flow_dir::{self, FlowDir};
use crate::inputs::{Given, Inputs};
use crate::plan::{Decided, Plan, Surroundings};
use crate::problem::{Origin, Problems};

/// What is kept of a flow's beginning besides its file and its inputs.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// That of the journal beside it.
    pub version: u32,
    /// How errors call the flow.
    pub origin: Origin,
    /// Where it was begun; absolute.
    pub workdir: PathBuf,
    /// Whether `--cd` said so.
    #[serde(default)]
    pub workdir_is_named: bool,
    /// What it was given.
    pub inputs: Given,
    /// `--overlap`, where somebody said it.
    pub overlap: Option<String>,
    /// `--on-failure`, where somebody said it.
    pub on_failure: Option<String>,
    /// Whether its steps are isolated: `continue` may be typed where the settings are others.
    #[serde(default)]
    pub isolate: Decided,
    /// `codex`, where somebody named one; to the byte.
    #[serde(default)]
    pub codex: Option<OsString>,
    /// What was said of limits, the last time it was.
    #[serde(flatten)]
    pub limits: LimitArguments,
}

impl Kept {
    /// What is kept in a flow's directory.
    pub fn read(dir: &FlowDir) -> Result<Self, Failure> {
        serde_json::from_str(&dir.read(&dir.file("inputs.json"))?)
            .map_err(|error| Failure::usage(format!("cannot read what flow {} was given: {error}", dir.id())))
    }

    /// All of it, as it is kept: what could not be read again is refused.
    pub fn encoded(&self) -> Result<Vec<u8>, Failure> {
        let encoded = serde_json::to_vec_pretty(self);
        let encoded = encoded.map_err(|error| {
            Failure::usage(format!("cannot keep the inputs: {error}\nhint: give them as text"))
        })?;
        if encoded.len() as u64 > flow_dir::MAX_BYTES {
            let why = format!("they are longer than {} bytes together", flow_dir::MAX_BYTES);
            return Err(Failure::usage(format!(
                "cannot keep the inputs: {why}\nhint: give less, and name files"
            )));
        }
        Ok(encoded)
    }

    /// The flow of this text with what was said on the command line, and what it comes to.
    pub fn planned(&self, text: &str) -> Result<(Flow, Plan), Failure> {
        let mut flow = Flow::read(&self.origin, text)?;
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        flow.overlap = Overlap::from_word(&word(&self.overlap)).unwrap_or(flow.overlap);
        flow.on_failure = OnFailure::from_word(&word(&self.on_failure)).unwrap_or(flow.on_failure);
        flow.limits = self.limits.limits(flow.limits);
        let refused = |problems| match Problems::check(&self.origin, problems) {
            Err(problems) => problems.into(),
            Ok(()) => Failure::usage("the flow cannot be used"),
        };
        let inputs = Inputs::of(&flow, &self.inputs).map_err(refused)?;
        let around = Surroundings {
            workdir: self.workdir.clone(),
            is_named: self.workdir_is_named,
            isolate: isolated_by_habit,
            decided: self.isolate.clone(),
        };
        let plan = Plan::of(&flow, inputs, &around).map_err(refused)?;
        if plan.steps.is_empty() {
            return Err(Failure::usage(format!(
                "flow {} has nothing to do with what it was given",
                flow.name
            )));
        }
        Ok((flow, plan))
    }
}

/// Whether who writes there is isolated when nobody says so.
fn isolated_by_habit(workdir: &Path) -> Result<Isolate, String> {
    settings(workdir).map(|settings| settings.isolate.value).map_err(|failure| failure.message().to_owned())
}

/// What the environment and the files say.
fn settings(workdir: &Path) -> Result<Settings, Failure> {
    let told = |error: &dyn Display| Failure::usage(error.to_string());
    let project = project_root(workdir).unwrap_or_else(|| workdir.to_owned());
    let files = ConfigFiles::read(&project).map_err(|error| told(&error))?;
    let environment = Layer::from_environment(|name| env::var_os(name)).map_err(|error| told(&error))?;
    let mut layers = vec![environment];
    layers.extend(files.layers().map_err(|error| told(&error))?);
    Ok(Settings::effective(&layers))
}
