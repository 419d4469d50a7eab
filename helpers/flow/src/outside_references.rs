//! Checks a flow's references to other files (schemas, tiers), and the limits on a project's flows. Reported like all
//! else that is wrong with a flow, before anything of it is on the disk.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clodex_core::{PROJECT_LIMIT_SEC, Tiers};
use clodex_os::{ConfigFiles, Failure, project_root};

use crate::flow::{Deed, Flow, RunWish, Step};
use crate::gate::Gate;
use crate::in_place;
use crate::library::{Owner, Source, is_built_in};
use crate::line_numbers::LineNumbers;
use crate::plan::{Plan, PlannedRun};
use crate::problem::{Problem, Problems};

/// A flow, and what its file names.
#[derive(Debug)]
pub struct Whole {
    /// The flow.
    pub flow: Flow,
    /// Texts of schemas, by the name that gates call them.
    pub schemas: BTreeMap<String, String>,
}

impl Source {
    /// The flow with everything that its file names.
    pub fn read(&self) -> Result<Whole, Failure> {
        let (whole, problems) = self.look_at(&LineNumbers::of(&self.text));
        self.check(problems)?;
        Ok(whole)
    }

    /// The flow, where nothing is wrong with it that can be told without its inputs, for one that works in this directory.
    pub fn lint(&self, workdir: &Path) -> Result<Flow, Failure> {
        let lines = LineNumbers::of(&self.text);
        let (Whole { flow, .. }, mut problems) = self.look_at(&lines);
        problems.extend(tiers(&flow, &lines, workdir)?);
        problems.extend(in_place::problems(&flow, &lines, workdir));
        self.check(problems)?;
        Ok(flow)
    }

    /// The flow as far as it can be read, and all that is wrong with it and with what its file names.
    fn look_at(&self, lines: &LineNumbers<'_>) -> (Whole, Vec<Problem>) {
        let (flow, mut problems) = Flow::look_at(&self.text);
        let (schemas, missing) = self.schemas(&flow, lines);
        problems.extend(missing);
        if self.owner == Owner::Project {
            problems.extend(too_long(&flow, lines));
            problems.extend(taken_name(&flow, lines));
        }
        (Whole { flow, schemas }, problems)
    }

    /// Refuses tiers that there are not, for each step in the place where it works, packets' own tiers too.
    pub fn check_planned_tiers(&self, flow: &Flow, plan: &Plan) -> Result<(), Failure> {
        let lines = LineNumbers::of(&self.text);
        let mut known = KnownTiers::default();
        let mut problems = Vec::new();
        for planned in plan.steps.iter().filter_map(|step| step.run()) {
            let of_file = runs(flow).find(|(_, run)| **run == planned.wish);
            let line = of_file.map(|(step, _)| lines.key(step.place, "tier"));
            let told = match (&planned.wish.tier, tier_of_packet(plan, planned)) {
                (Some(tier), _) => known.refuse(&planned.workdir, tier, line)?,
                (None, Some(tier)) => known.refuse(&planned.workdir, tier, None)?,
                (None, None) => None,
            };
            problems.extend(told.filter(|told| !problems.contains(told)));
        }
        self.check(problems)
    }

    fn schemas(&self, flow: &Flow, lines: &LineNumbers<'_>) -> (BTreeMap<String, String>, Vec<Problem>) {
        let (mut schemas, mut problems) = (BTreeMap::new(), Vec::new());
        for (step, run) in runs(flow) {
            for gate in &run.gates {
                let Gate::Schema(file) = gate else { continue };
                match self.schema(file) {
                    Ok(text) => {
                        schemas.insert(file.clone(), text);
                    }
                    Err(why) => {
                        let hint = "name a JSON file beside the flow's file, or below it";
                        let line = lines.text(step.place, file);
                        problems.push(Problem::at(line, format!("schema `{file}`: {why}"), hint));
                    }
                }
            }
        }
        (schemas, problems)
    }

    fn check(&self, problems: Vec<Problem>) -> Result<(), Failure> {
        Ok(Problems::check(&self.origin, problems)?)
    }
}

/// Tiers that there are not.
fn tiers(flow: &Flow, lines: &LineNumbers<'_>, workdir: &Path) -> Result<Vec<Problem>, Failure> {
    let mut known = KnownTiers::default();
    let mut problems = Vec::new();
    for (step, run) in runs(flow) {
        let Some(tier) = &run.tier else { continue };
        problems.extend(known.refuse(workdir, tier, Some(lines.key(step.place, "tier")))?);
    }
    Ok(problems)
}

fn runs(flow: &Flow) -> impl Iterator<Item = (&Step, &RunWish)> {
    flow.steps.iter().filter_map(|step| match &step.deed {
        Deed::Run(run) => Some((step, run.as_ref())),
        Deed::Ask(_) => None,
    })
}

fn tier_of_packet<'a>(plan: &'a Plan, run: &PlannedRun) -> Option<&'a str> {
    let (input, number) = run.packet.as_ref()?;
    Some(plan.inputs.packets(input).get(*number)?.tier.as_ref()?.text.as_str())
}

/// What is called `split` wherever flows are shown is what people know by that name.
fn taken_name(flow: &Flow, lines: &LineNumbers<'_>) -> Option<Problem> {
    let what = || format!("`{}` is the name of a flow that clodex brings along", flow.name);
    is_built_in(&flow.name).then(|| {
        Problem::at(
            lines.top("name"),
            what(),
            "name it otherwise; one of ~/.config/clodex/flows may replace that",
        )
    })
}

/// A repository may not take more time than its settings may.
fn too_long(flow: &Flow, lines: &LineNumbers<'_>) -> Vec<Problem> {
    let steps = runs(flow).map(|(step, run)| (run.timeout, lines.key(step.place, "timeout")));
    let own = (flow.limits.timeout, lines.below("limits", "timeout"));
    let is_too_long = |timeout: Option<std::time::Duration>| {
        timeout.is_some_and(|timeout| timeout.as_secs() > *PROJECT_LIMIT_SEC.end())
    };
    let too_long = steps.chain([own]).filter(|(timeout, _)| is_too_long(*timeout));
    let what = format!("timeout of a project's flow is {} at most", PROJECT_LIMIT_SEC.end());
    too_long
        .map(|(_, line)| Problem::at(line, &what, "longer ones are for your own flows or a flag"))
        .collect()
}

/// The tiers of projects, read once.
#[derive(Default)]
struct KnownTiers(HashMap<PathBuf, Tiers>);

impl KnownTiers {
    fn refuse(
        &mut self,
        workdir: &Path,
        tier: &str,
        line: Option<usize>,
    ) -> Result<Option<Problem>, Failure> {
        let project = project_root(workdir).unwrap_or_else(|| workdir.to_owned());
        if !self.0.contains_key(&project) {
            let tiers = ConfigFiles::read(&project).and_then(|files| files.tiers());
            self.0.insert(project.clone(), tiers.map_err(|error| Failure::usage(error.to_string()))?);
        }
        let names =
            |tiers: &Tiers| tiers.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>().join(", ");
        let unknown = self.0.get(&project).filter(|tiers| tiers.choose(tier).is_err()).map(names);
        Ok(unknown.map(|names| Problem {
            line,
            what: format!("unknown tier `{tier}`"),
            hint: format!("the tiers are {names}"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::library::Library;

    fn told(source: &Source) -> String {
        source.read().map(|_| ()).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_schema_lies_beside_its_flow_or_below_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir_all(project.join("flows/deep")).unwrap();
        fs::create_dir_all(project.join("flows/.hidden")).unwrap();
        let outside = project.join("secret.json");
        for file in [&outside, &project.join("flows/ok.json"), &project.join("flows/deep/ok.json")] {
            fs::write(file, "{}").unwrap();
        }
        fs::write(project.join("flows/.hidden/x.json"), "{}").unwrap();
        fs::write(project.join("flows/bad.json"), "{").unwrap();
        std::os::unix::fs::symlink("../secret.json", project.join("flows/link.json")).unwrap();
        let path = project.join("flows/x.yaml");
        let source = |schema: &str| {
            let text =
                format!("name: x\nsteps:\n  - id: a\n    prompt: x\n    gate:\n      schema: {schema}\n");
            fs::write(&path, text).unwrap();
            Library::around(folder.path()).find(path.to_str().unwrap()).unwrap()
        };
        for schema in ["ok.json", "deep/ok.json", "./ok.json"] {
            assert_eq!(source(schema).read().unwrap().schemas[schema], "{}", "{schema}");
        }
        let absolute = outside.to_str().unwrap();
        for (schema, wanted) in [
            ("../secret.json", "must be beside its flow or below it"),
            (absolute, "must be beside its flow or below it"),
            ("link.json", "must be beside its flow or below it"),
            (".hidden/x.json", "must be beside its flow or below it"),
            ("none.json", "there is no such file"),
            ("bad.json", "EOF"),
        ] {
            let told = told(&source(schema));
            assert!(
                told.contains(&format!("line 6: schema `{schema}`: ")) && told.contains(wanted),
                "{told}"
            );
        }
    }

    #[test]
    fn a_flow_that_is_a_link_has_its_schemas_where_it_really_lies() {
        let folder = tempfile::tempdir().unwrap();
        let (real, shown) = (folder.path().join("real"), folder.path().join("shown"));
        for dir in [&real, &shown] {
            fs::create_dir(dir).unwrap();
        }
        fs::write(real.join("ok.json"), "{}").unwrap();
        fs::write(real.join("x.yaml"), "name: x\nsteps: [{id: a, prompt: x, gate: {schema: ok.json}}]\n")
            .unwrap();
        std::os::unix::fs::symlink("../real/x.yaml", shown.join("x.yaml")).unwrap();
        let path = shown.join("x.yaml");
        let source = Library::around(folder.path()).find(path.to_str().unwrap()).unwrap();
        assert_eq!(source.read().unwrap().schemas.len(), 1);
    }

    #[test]
    fn a_projects_flow_takes_no_more_time_than_its_settings_may() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join(".clodex/flows")).unwrap();
        let text =
            "name: x\nlimits: {timeout: 86401}\nsteps:\n  - id: a\n    prompt: x\n    timeout: 90000\n";
        let (theirs, own) = (folder.path().join(".clodex/flows/theirs.yaml"), folder.path().join("own.yaml"));
        for path in [&theirs, &own] {
            fs::write(path, text).unwrap();
        }
        let library = Library::around(folder.path());
        for word in ["theirs", theirs.to_str().unwrap()] {
            let told = told(&library.find(word).unwrap());
            assert!(told.contains("line 2: timeout of a project's flow is 86400 at most"), "{told}");
            assert!(told.contains("line 6: timeout"), "{told}");
        }
        assert!(library.find(own.to_str().unwrap()).unwrap().read().is_ok());
    }

    #[test]
    fn a_projects_flow_is_called_by_no_name_of_a_built_in_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join(".clodex/flows")).unwrap();
        let text = "about: y\nname: split\nsteps: [{id: a, prompt: x}]\n";
        let (theirs, own) = (folder.path().join(".clodex/flows/nice.yaml"), folder.path().join("own.yaml"));
        for path in [&theirs, &own] {
            fs::write(path, text).unwrap();
        }
        let library = Library::around(folder.path());
        let told = told(&library.find("nice").unwrap());
        assert!(told.contains("line 2: `split` is the name of a flow that clodex brings along"), "{told}");
        assert!(library.find(own.to_str().unwrap()).unwrap().read().is_ok());
    }

    #[test]
    fn a_tier_that_there_is_not_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join(".clodex")).unwrap();
        fs::write(folder.path().join(".clodex/tiers.yaml"), "tiers: {mine: {effort: low}}\n").unwrap();
        let path = folder.path().join("x.yaml");
        let text =
            "name: x\nsteps:\n  - {id: a, prompt: x, tier: mine}\n  - id: b\n    prompt: x\n    tier: huge\n";
        fs::write(&path, text).unwrap();
        let source = Library::around(folder.path()).find(path.to_str().unwrap()).unwrap();
        let told = source.lint(folder.path()).unwrap_err().message().to_owned();
        assert!(
            told.contains("line 6: unknown tier `huge`\n  hint: the tiers are deep, fast, mine,"),
            "{told}"
        );
        assert_eq!(told.matches("unknown tier").count(), 1);
    }
}
