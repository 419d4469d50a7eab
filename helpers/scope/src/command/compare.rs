//! `clodex-scope compare`: what became of the tree, and whether that was allowed.

use clodex_core::{ExitCode, Verdict, Violation, escaped, path_text};
use clodex_os::{Failure, say};
use serde::Serialize;

use super::{code_of, print_json};
use crate::cli::CompareArguments;
use crate::{Baseline, Meanwhile, Snapshot};

/// The verdict as JSON; the fields mean what they mean in `policy.json`.
#[derive(Debug, Serialize)]
struct Answer {
    version: u32,
    verdict: Verdict,
    policy_violation: bool,
    scope_ok: bool,
    exit_code: i32,
    write_scope: Vec<String>,
    violations: Vec<Violation>,
    by_products: Vec<String>,
    foreign: Vec<String>,
    in_scope: Vec<String>,
    dirty_overlap: Vec<String>,
    notes: Vec<String>,
}

pub(super) fn compare(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    let snapshot = Snapshot::read(&arguments.snapshot)?;
    if let Some(wanted) = arguments.digest.as_ref().filter(|wanted| **wanted != snapshot.digest) {
        let shown = arguments.snapshot.display();
        return Err(Failure::usage(format!(
            "cannot use snapshot `{shown}`: its digest is {}, not {wanted}\nhint: it was replaced; do not trust it",
            snapshot.digest
        )));
    }
    let answer = Answer::about(&snapshot.baseline);
    if arguments.json {
        print_json(&answer)?;
    } else {
        answer.print();
    }
    Ok(code_of(answer.verdict))
}

impl Answer {
    fn about(before: &Baseline) -> Self {
        let mut answer = Self {
            version: 1,
            verdict: Verdict::Unknown,
            policy_violation: false,
            scope_ok: false,
            exit_code: i32::from(ExitCode::Violation),
            write_scope: before.rules().entries(),
            violations: Vec::new(),
            by_products: Vec::new(),
            foreign: Vec::new(),
            in_scope: Vec::new(),
            dirty_overlap: before.dirty_overlap().iter().map(|path| path_text(path)).collect(),
            notes: Vec::new(),
        };
        match crate::compare(before, &Meanwhile::default()) {
            Ok(found) => {
                answer.verdict = found.verdict;
                answer.policy_violation = found.verdict == Verdict::Violation;
                answer.scope_ok = found.verdict == Verdict::Clean;
                answer.exit_code = i32::from(code_of(found.verdict));
                answer.violations = found.violations;
                answer.by_products = found.by_products;
                answer.foreign = found.foreign;
                answer.in_scope = found.in_scope;
                answer.notes = found.notes;
            }
            Err(error) => answer.notes.push(error.to_string()),
        }
        answer
    }

    fn print(&self) {
        let mut text = format!("{}\n", self.verdict);
        let mut line = |what: &str, rest: &str| {
            text.extend([what, &escaped(rest), "\n"]);
        };
        for violation in &self.violations {
            line("violation ", &format!("{}: {}", violation.path, violation.detail));
        }
        let lists =
            [("foreign ", &self.foreign), ("by-product ", &self.by_products), ("in scope ", &self.in_scope)];
        for (what, paths) in lists {
            for path in paths {
                line(what, path);
            }
        }
        for note in &self.notes {
            let (said, hint) =
                note.split_once("\nhint: ").map_or((&**note, None), |(said, hint)| (said, Some(hint)));
            line("note: ", said);
            if let Some(hint) = hint {
                line("  hint: ", hint);
            }
        }
        say(&text);
    }
}
