//! `--review`: what Codex's own reviewer is asked, and whether there is anything to ask it. Starts nothing.

use std::fmt::Write as _;
use std::path::PathBuf;

use clodex_codex::{AnswerSchema, REVIEW_SCHEMA, ReviewTarget, review_words};
use clodex_core::{
    ExitCode, Layer, NOTHING_TO_REVIEW, Setting, Settings, Source, fill_template_with, path_text,
};
use clodex_scope::{Changes, Tree, changes};

use crate::answer::Schema;
use crate::cli::Cli;
use crate::codex_start::Codex;
use crate::plan::Plan;
use crate::refusal::Refusal;
use crate::report::one_line;
use crate::task_request::TaskRequest;
use crate::task_text::{template_text, words};

/// Untracked files that are named; the reviewer can find the rest.
const NAMED: usize = 200;
/// Codex tells nothing of its reviewer's thinking: silence says less than elsewhere.
const HEARTBEAT_SEC: u64 = 900;
/// The template of `--adversarial`.
const ADVERSARIAL: &str = "adversarial-review";

const CONDITIONS: &str = "\
Change nothing: the file system is read-only but for `$TMPDIR`, and every change fails the review. Nobody can answer you.
";

/// What is asked for; refused when there is nothing to review.
pub fn asked(cli: &Cli, settings: &Settings, tree: &Tree) -> Result<TaskRequest, Refusal> {
    let focus = focus(cli)?;
    let artifacts: Vec<PathBuf> = settings.output_dir.value.iter().cloned().collect();
    let seen = changes(tree, cli.base.as_deref(), artifacts)
        .map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
    if seen.is_empty() {
        return Err(nothing(cli.base.as_deref()));
    }
    let what = change(cli.base.as_deref(), &seen);
    let prompt = if cli.adversarial {
        let dirs: Vec<PathBuf> = settings.templates.iter().map(|setting| setting.value.clone()).collect();
        let template = template_text(ADVERSARIAL, &dirs)?;
        let focus = focus.as_deref().unwrap_or("Nothing in particular.");
        fill_template_with(&template, &[("CHANGE", &what), ("FOCUS", focus)]).map_err(|error| {
            let why = format!("cannot fill template `{ADVERSARIAL}`: {error}");
            Refusal::told(ExitCode::Usage, &why)
        })?
    } else {
        match &focus {
            Some(focus) => format!("{what}\n## Look hardest at\n{focus}\n"),
            None => what,
        }
    };
    let objective = objective(cli);
    let task = focus.unwrap_or_else(|| format!("{objective}\n"));
    TaskRequest::by_review(cli, objective, task, prompt)
}

/// What a reviewer's answer has to be.
pub fn schema() -> Result<Schema, Refusal> {
    AnswerSchema::compile(REVIEW_SCHEMA.to_owned()).map(|schema| Schema::Review(Box::new(schema))).map_err(
        |why| Refusal::usage(format!("clodex's own schema of a review {why}"), "install clodex again"),
    )
}

/// What holds for a review where nobody says otherwise.
pub fn defaults() -> Layer {
    Layer {
        heartbeat_sec: Some(Setting { value: HEARTBEAT_SEC, source: Source::Default }),
        ..Layer::default()
    }
}

/// A Codex that only renders its findings is of no use: they could not be checked.
pub fn check_codex(plan: &Plan, codex: &Codex) -> Result<(), Refusal> {
    if !plan.schema.is_review() || codex.version.keeps_review_findings() {
        return Ok(());
    }
    let version = codex.version.text().unwrap_or_default();
    Err(Refusal::unreachable(
        format!("codex {version} keeps no findings of its reviews, 0.150 does"),
        "update with `npm install -g @openai/codex@latest`",
    ))
}

/// What to look hardest at, to the byte; an empty one is none.
fn focus(cli: &Cli) -> Result<Option<String>, Refusal> {
    let (words, _) = words(cli)?;
    Ok((!words.trim().is_empty()).then_some(words))
}

fn objective(cli: &Cli) -> String {
    let kind = if cli.adversarial { "adversarial review" } else { "review" };
    match &cli.base {
        Some(base) => format!("{kind} against {base}"),
        None => format!("{kind} of uncommitted changes"),
    }
}

/// The change in Codex's own words, and what its diffs do not show.
fn change(base: Option<&str>, seen: &Changes) -> String {
    let target = match (base, &seen.base) {
        (Some(name), Some(base)) => ReviewTarget::Base { name, merge_base: &base.merge_base },
        (Some(_), None) | (None, _) => ReviewTarget::Uncommitted,
    };
    let mut text = format!("{}\n\n{CONDITIONS}", review_words(target));
    if !seen.untracked.is_empty() {
        text.push_str("\nUntracked files are part of the change and stand in no diff; read them (paths from the top of the repository):\n");
        for path in seen.untracked.iter().take(NAMED) {
            let _ = writeln!(text, "- {}", one_line(&path_text(path)));
        }
        if seen.untracked.len() > NAMED {
            let more = seen.untracked.len() - NAMED;
            let _ = writeln!(text, "- and {more} more: `git ls-files --others --exclude-standard`");
        }
    }
    text
}

fn nothing(base: Option<&str>) -> Refusal {
    match base {
        None => Refusal::usage(
            format!("{NOTHING_TO_REVIEW}: everything is committed"),
            "name what to compare with, such as `--base main` or `--base HEAD~1`",
        ),
        Some(base) => Refusal::usage(
            format!("{NOTHING_TO_REVIEW}: the work tree has nothing more than `{base}`"),
            "name an older commit, or a branch that this one has left behind",
        ),
    }
}

#[cfg(test)]
mod tests {
    use clodex_scope::Base;

    use super::*;

    fn seen(untracked: usize, base: Option<Base>) -> Changes {
        let untracked = (0..untracked).map(|n| format!("new {n}\n").into_bytes()).collect();
        Changes { untracked, is_modified: true, base }
    }

    #[test]
    fn untracked_files_are_named_a_line_each_and_of_many_some() {
        let text = change(None, &seen(1, None));
        assert!(
            text.starts_with("Review the current code changes (staged, unstaged, and untracked files) and")
        );
        assert!(text.ends_with("repository):\n- new 0\\n\n"), "{text}");
        let text = change(None, &seen(203, None));
        assert!(text.contains("- new 199\\n\n- and 3 more: `git") && !text.contains("new 200"), "{text}");
        assert!(!change(None, &seen(0, None)).contains("Untracked"));
    }

    #[test]
    fn a_base_is_told_by_its_name_and_the_common_commit() {
        let base = Base { merge_base: "0a".repeat(20), differs: true };
        let text = change(Some("main"), &seen(0, Some(base)));
        assert!(text.contains("base branch 'main'") && text.contains("`git diff 0a0a0a"), "{text}");
    }
}
