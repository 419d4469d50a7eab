//! The places of a run, made before anything else: id, record with its lock, temp directory, artifact directory.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_core::{ExitCode, Progress, RECORD_VERSION, RunId, RunRecord, path_text};
use clodex_os::clock::{HostAndBoot, Timestamp};
use clodex_os::process::ProcessId;
use clodex_os::record_store::{LiveRun, RecordStore};
use clodex_os::run_suffix;

use crate::artifacts::{Artifacts, make_hidden};
use crate::backend::Driver;
use crate::enforcement::Held;
use crate::isolate;
use crate::mount_points::Temporary;
use crate::overlap_gate;
use crate::plan::{Plan, RunsDir};
use crate::refusal::Refusal;
use crate::run_publisher::RunPublisher;

/// Ids are random enough that a second try is rare and a tenth does not happen.
const TRIES: usize = 10;

/// A run that has an id and its places, and nothing else yet.
#[derive(Debug)]
pub struct RunResources {
    /// The lock and the record on disk.
    pub live: LiveRun,
    /// The record as it was written.
    pub record: RunRecord,
    /// The artifact directory.
    pub artifacts: Artifacts,
    /// The run's own temp directory.
    pub scratch: PathBuf,
    /// What is in the tree for this run's sake.
    pub temporary: Temporary,
    /// The gate that it passed because somebody wanted it, in words.
    pub forced: Option<String>,
    /// What could not be made of it.
    pub notes: Vec<String>,
}

/// Takes an id and makes the places. Whatever fails here, nothing was started.
///
/// The record comes first and names the others: what somebody made who was killed in the middle is found by it.
pub fn open(
    plan: &Plan,
    held: &Held,
    driver: Driver,
    store: &RecordStore,
    detached: bool,
) -> Result<RunResources, Refusal> {
    // What nobody can overtake: looking at who works here, and being there to be looked at.
    let way = overlap_gate::pass(plan, held.enforcement, store)?;
    let parent = runs_dir(plan)?;
    // In a worktree of its own nothing can be there yet.
    let temporary =
        if plan.isolate.is_on() { Temporary::default() } else { Temporary::of(plan, held.enforcement) };
    let first = |id: RunId, artifacts: &Path| RunRecord {
        backend: driver.as_str().to_owned(),
        ..first_record(plan, held, &temporary, id, detached, artifacts)
    };
    let (live, mut record) = begin(plan, store, &parent, first)?;
    drop(way.alone);
    let made = new_scratch(&store.dir().scratch(), &live, &mut record).and_then(|scratch| {
        Artifacts::create(&parent, &record.id)
            .map_err(|error| no_artifacts(&parent, &error))
            .inspect_err(|_| remove_scratch(&scratch))
            .map(|artifacts| (scratch, artifacts))
    });
    match made {
        Ok((scratch, artifacts)) => {
            let notes = temporary.make();
            Ok(RunResources { live, record, artifacts, scratch, temporary, forced: way.note, notes })
        }
        Err(refusal) => {
            RunPublisher::new(live, record, false).refuse(&refusal);
            Err(refusal)
        }
    }
}

impl RunResources {
    /// Ends a run that is not to begin after all.
    pub fn refuse(self, refusal: &Refusal) {
        remove_scratch(&self.scratch);
        self.temporary.unmake();
        RunPublisher::new(self.live, self.record, false).refuse(refusal);
    }
}

/// Removes a temp directory, whatever the worker left in it.
pub fn remove_scratch(scratch: &Path) {
    // It lies in the state directory; a rest is swept with the run's record.
    let _ = fs::remove_dir_all(scratch);
}

fn begin(
    plan: &Plan,
    store: &RecordStore,
    parent: &Path,
    first: impl Fn(RunId, &Path) -> RunRecord,
) -> Result<(LiveRun, RunRecord), Refusal> {
    for _ in 0..TRIES {
        let id = RunId::new(&Timestamp::now().compact(), plan.mode, &plan.name, &run_suffix());
        let artifact_dir = parent.join(id.as_str());
        let mut record = first(id, &artifact_dir);
        isolate::announce(plan, store, &mut record);
        let begun = store.begin(&record).map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
        if let Some(live) = begun {
            return Ok((live, record));
        }
    }
    Err(Refusal::usage(
        "cannot find a free run id",
        "remove old records with `clodex-status --all`, or try again",
    ))
}

fn first_record(
    plan: &Plan,
    held: &Held,
    temporary: &Temporary,
    id: RunId,
    detached: bool,
    artifact_dir: &Path,
) -> RunRecord {
    let here = HostAndBoot::here();
    let now = Timestamp::now();
    let deadline = (plan.timeout_sec > 0).then(|| now.after(Duration::from_secs(plan.timeout_sec)).rfc3339());
    let claude = clodex_os::ClaudeCode::from_env();
    RunRecord {
        version: RECORD_VERSION,
        id,
        name: plan.name.clone(),
        mode: plan.mode,
        objective: plan.objective.chars().take(200).collect(),
        workdir: text(&plan.workdir),
        tree_root: text(plan.tree.root()),
        write_scope: plan.write_scope.clone(),
        git_common_dir: text(plan.tree.common_dir()),
        isolated: None,
        claude: claude.as_ref().and_then(|claude| claude.process).map(Into::into),
        session_id: claude.map(|claude| claude.session),
        detached,
        host: here.host,
        boot_id: here.boot,
        dispatcher: ProcessId::own().into(),
        container: None,
        init: None,
        codex: None,
        backend: String::new(),
        codex_version: None,
        thread_id: plan.resume.clone(),
        model: plan.model.clone(),
        containment: None,
        enforcement: held.enforcement,
        started: now.rfc3339(),
        updated: now.rfc3339(),
        ended: None,
        deadline,
        heartbeat_sec: plan.heartbeat_sec,
        progress: Progress::default(),
        outcome: None,
        verdict: None,
        exit_code: None,
        summary: None,
        flow: plan.flow.clone(),
        quota: None,
        open_requests: vec![],
        artifact_dir: text(artifact_dir),
        scratch_dir: None,
        mount_points: temporary.paths().map(text).collect(),
        seal: None,
    }
}

/// A temp directory that the record names before it is there. Its name is short, because the paths of unix sockets are.
fn new_scratch(parent: &Path, live: &LiveRun, record: &mut RunRecord) -> Result<PathBuf, Refusal> {
    let failed = |error: &std::io::Error| {
        Refusal::usage(
            format!("cannot make a temp directory in {}: {error}", parent.display()),
            "set CLODEX_STATE_DIR to a directory that can be written",
        )
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|error| failed(&error))?;
    loop {
        let scratch = parent.join(run_suffix() + &run_suffix());
        record.scratch_dir = Some(text(&scratch));
        live.write(record).map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
        match fs::DirBuilder::new().mode(0o700).create(&scratch) {
            Ok(()) => return Ok(scratch),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// The directory of run directories, made and hidden from git where it lies in the work directory. Real path.
pub fn runs_dir(plan: &Plan) -> Result<PathBuf, Refusal> {
    let (parent, made) = match &plan.runs_dir {
        RunsDir::InWorkdir(dir) => (dir, make_hidden(dir)),
        RunsDir::Named(dir) => (dir, fs::create_dir_all(dir)),
    };
    made.and_then(|()| parent.canonicalize()).map_err(|error| no_artifacts(parent, &error))
}

fn no_artifacts(parent: &Path, error: &std::io::Error) -> Refusal {
    Refusal::usage(
        format!("cannot make the artifact directory in {}: {error}", parent.display()),
        "name another one with --output-dir",
    )
}

fn text(path: &Path) -> String {
    path_text(path.as_os_str().as_encoded_bytes())
}
