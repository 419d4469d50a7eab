//! The report on stdout: what clodex found, what the worker says, how to go on. Rendering only, at most 8 kB.

mod findings;

use std::fmt::Write as _;

use clodex_core::{
    Check, CheckStatus, ClaimedVerdict, CommandSeen, Denied, Policy, RunResult, Verdict, VerificationEntry,
    VerificationStatus, Violation, harmless,
};

/// A report is never longer, whatever the worker said.
pub const MAX_BYTES: usize = 8 * 1024;
const MAX_ROWS: usize = 20;
const MAX_COLUMNS: usize = 160;
/// An error's last words are often what helps.
const MAX_SUMMARY_COLUMNS: usize = 500;
/// What clodex itself says names whole commands and directories: worth more, but not the whole report.
const MAX_OWN_COLUMNS: usize = 1000;
const MAX_WORDS_BYTES: usize = 3 * 1024;

/// Renders the report of a finished run.
pub fn render(result: &RunResult, policy: &Policy, seal: Option<&str>) -> String {
    let mut report = String::new();
    headline(&mut report, result, policy);
    violations(&mut report, policy);
    if let Some(found) = &result.findings {
        findings::list(&mut report, found);
    }
    changed(&mut report, result, policy);
    rows(&mut report, "commits", &policy.commits);
    rows(&mut report, "by-products", &policy.by_products);
    rows(&mut report, "changed by others", &policy.foreign);
    rows(&mut report, "dirty before the run", &policy.dirty_overlap);
    denied(&mut report, &policy.denied);
    commands(&mut report, &result.commands_seen);
    worker_says(&mut report, result);
    verification(&mut report, result);
    told(&mut report, "notes", &policy.notes);
    told(&mut report, "degraded", &policy.degraded);
    let footer = footer(result, seal);
    cut(&mut report, MAX_BYTES - footer.len());
    report + &footer
}

fn headline(out: &mut String, result: &RunResult, policy: &Policy) {
    let word = match &result.claimed_verdict {
        Some(ClaimedVerdict::Clean) => "worker says CLEAN".to_owned(),
        Some(ClaimedVerdict::NeedsAttention(why)) => format!("worker says NEEDS_ATTENTION {}", line(why)),
        None => "no word from the worker".to_owned(),
    };
    let _ = writeln!(out, "outcome  {} (exit {})", result.outcome, result.exit_code);
    let held = if result.verdict == Verdict::Refused { String::new() } else { held(policy) };
    let _ = writeln!(out, "verdict  {}{held}", result.verdict);
    let found = if result.recovered { " (recovered from Codex's own record of the thread)" } else { "" };
    let _ = writeln!(out, "claim    {word}{found}");
    if !result.summary.is_empty() {
        let _ = writeln!(out, "summary  {}", bounded(&result.summary, MAX_SUMMARY_COLUMNS));
    }
    if let Some(error) = result.error.as_deref().filter(|error| *error != result.summary) {
        let _ = writeln!(out, "error    {}", bounded(error, MAX_SUMMARY_COLUMNS));
    }
    if let Some(hint) = &result.hint {
        let _ = writeln!(out, "hint     {}", bounded(hint, MAX_OWN_COLUMNS));
    }
}

fn held(policy: &Policy) -> String {
    use clodex_core::{Containment, Enforcement};
    let writes = match policy.enforcement {
        Enforcement::Profile => "in a sandbox narrowed to the scope",
        Enforcement::Sandbox => "in Codex's own sandbox",
        Enforcement::None => "UNSANDBOXED",
    };
    match policy.containment.filter(|_| policy.verdict != Verdict::Refused) {
        None => String::new(),
        Some(Containment::Kernel) => format!(" ({writes}, processes held by the kernel)"),
        Some(Containment::BestEffort) => format!(" ({writes}, processes held at best effort)"),
    }
}

fn violations(out: &mut String, policy: &Policy) {
    if policy.violations.is_empty() {
        return;
    }
    let scope =
        if policy.write_scope.is_empty() { "nothing".to_owned() } else { policy.write_scope.join(" ") };
    let _ = writeln!(out, "\nviolations ({}; allowed: {})", policy.violations.len(), line(&scope));
    let describe = |v: &Violation| {
        let kind = match v.kind {
            clodex_core::ViolationKind::Added => "added",
            clodex_core::ViolationKind::Removed => "removed",
            clodex_core::ViolationKind::Modified => "modified",
            clodex_core::ViolationKind::TypeChanged => "type changed",
        };
        let restored = if v.restored { ", restored" } else { "" };
        let by = v.by.as_ref().map(|by| format!("  ({by})")).unwrap_or_default();
        format!("{}  {kind}: {}{restored}{by}", v.path, v.detail)
    };
    list(out, policy.violations.iter().map(describe), policy.violations.len());
}

fn rows(out: &mut String, title: &str, rows: &[String]) {
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{title} ({})", rows.len());
        list(out, rows.iter().cloned(), rows.len());
    }
}

/// A worker that may write and changed nothing is told as such: who looks for its changes should not have to miss them.
fn changed(out: &mut String, result: &RunResult, policy: &Policy) {
    rows(out, "changed in scope", &policy.in_scope);
    if !result.mode.writes() || result.verdict != Verdict::Clean || !policy.in_scope.is_empty() {
        return;
    }
    let says_more = result.claim.as_ref().is_some_and(|claim| !claim.changed_files.is_empty());
    let says = if says_more { ", although the worker says that it changed files" } else { "" };
    let _ = writeln!(out, "\nchanged in scope (0)\n  nothing{says}");
}

/// What clodex has to say.
fn told(out: &mut String, title: &str, rows: &[String]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title} ({})", rows.len());
    for row in rows.iter().take(MAX_ROWS) {
        let _ = writeln!(out, "  {}", bounded(row, MAX_OWN_COLUMNS));
    }
    if rows.len() > MAX_ROWS {
        let _ = writeln!(out, "  … {} more", rows.len() - MAX_ROWS);
    }
}

fn denied(out: &mut String, denied: &[Denied]) {
    let describe = |denied: &Denied| {
        let path = denied.path.as_deref().unwrap_or("an unnamed path");
        format!("{path}  by {}", denied.by)
    };
    rows(
        out,
        "writes that were refused, as reported by the tools",
        &denied.iter().map(describe).collect::<Vec<_>>(),
    );
}

fn commands(out: &mut String, commands: &[CommandSeen]) {
    if commands.is_empty() {
        return;
    }
    let _ = writeln!(out, "\ncommands ({})", commands.len());
    let describe = |seen: &CommandSeen| {
        let code = seen.exit_code.map_or_else(|| "?".to_owned(), |code| code.to_string());
        let took = seen.duration_ms.map(|ms| format!("  {}", seconds(ms))).unwrap_or_default();
        format!("{code:>3}  {}{took}", line(&seen.command))
    };
    let skipped = commands.len().saturating_sub(MAX_ROWS);
    if skipped > 0 {
        let _ = writeln!(out, "  … {skipped} earlier");
    }
    list(out, commands[skipped..].iter().map(describe), commands.len() - skipped);
}

fn worker_says(out: &mut String, result: &RunResult) {
    let Some(claim) = &result.claim else {
        last_message(out, result.message.as_deref());
        return;
    };
    let mut words = String::new();
    for (title, rows) in [
        ("says it changed", &claim.changed_files),
        ("says it verified", &claim.verification_run),
        ("findings", &claim.findings),
        ("risks", &claim.risks),
    ] {
        if !rows.is_empty() {
            let _ = writeln!(words, "  {title}");
            for row in rows {
                let _ = writeln!(words, "    {}", line(row));
            }
        }
    }
    if !claim.next.is_empty() {
        let _ = writeln!(words, "  next: {}", line(&claim.next));
    }
    if !words.is_empty() {
        cut(&mut words, MAX_WORDS_BYTES);
        let _ = write!(out, "\nthe worker (its claim, not checked)\n{words}");
    }
}

/// Free text, or as far as a worker came that was stopped.
fn last_message(out: &mut String, message: Option<&str>) {
    let Some(message) = message.map(str::trim).filter(|message| !message.is_empty()) else { return };
    let mut words: String =
        message.lines().flat_map(|row| ["  ".to_owned(), harmless(row), "\n".to_owned()]).collect();
    cut(&mut words, MAX_WORDS_BYTES);
    let _ = write!(out, "\nlast message (its claim, not checked)\n{words}");
}

fn verification(out: &mut String, result: &RunResult) {
    if result.verification.is_empty() || result.verdict == Verdict::Refused {
        return;
    }
    let is_checked = result.verification.iter().any(|entry| entry.check.is_some());
    let by = if is_checked { "run by clodex" } else { "as seen in the stream" };
    let _ = writeln!(out, "\nverification ({by})");
    let describe = |entry: &VerificationEntry| match &entry.check {
        Some(check) => checked(entry, check),
        None => format!("{:<8}  {}", seen(entry.status), entry.text),
    };
    list(out, result.verification.iter().map(describe), result.verification.len());
}

fn seen(status: VerificationStatus) -> &'static str {
    match status {
        VerificationStatus::NotSeen => "not seen",
        VerificationStatus::SeenPassed => "passed",
        VerificationStatus::SeenFailed => "FAILED",
    }
}

/// One line for a check: what clodex found, what was seen of it before, why it says nothing.
fn checked(entry: &VerificationEntry, check: &Check) -> String {
    let status = match check.status {
        CheckStatus::Failed => "FAILED",
        CheckStatus::TimedOut => "TIMED OUT",
        status @ (CheckStatus::Passed | CheckStatus::CouldNotRun | CheckStatus::NotRun) => status.as_str(),
    };
    let code = check.exit_code.filter(|code| *code != 0).map(|code| format!("exit {code}"));
    let took = check.duration_ms.map(seconds);
    let before = (entry.status != VerificationStatus::NotSeen && check.status != CheckStatus::NotRun)
        .then(|| format!("the worker's own run {}", seen(entry.status)));
    let more: Vec<String> = [code, took, check.reason.clone(), before].into_iter().flatten().collect();
    format!("{status:<13}  {}  ({})", bounded(&entry.text, 80), more.join("; "))
}

fn footer(result: &RunResult, seal: Option<&str>) -> String {
    let mut out = String::from("\n");
    let spent = result.tokens.map_or_else(
        || "tokens unknown".to_owned(),
        |t| {
            format!(
                "{} tokens (in {}, of it cached {}; out {})",
                t.input + t.output,
                t.input,
                t.cached_input,
                t.output
            )
        },
    );
    let checks = seconds(result.durations.baseline_ms + result.durations.compare_ms);
    let verify = match result.durations.verify_ms {
        0 => String::new(),
        ms => format!(", verification {}", seconds(ms)),
    };
    let _ =
        writeln!(out, "took {}, scope checks {checks}{verify} · {spent}", seconds(result.durations.total_ms));
    let codex = result.codex_version.as_deref().unwrap_or("of unknown version");
    let _ = writeln!(out, "backend   {} (codex {})", result.backend, line(codex));
    if let Some(resume) = &result.resume {
        let _ = writeln!(out, "resume    {}", line(resume));
    }
    let _ = writeln!(out, "run       {}", result.run_id);
    let _ = writeln!(out, "artifacts {}", bounded(&one_line(&result.artifact_dir), MAX_OWN_COLUMNS));
    if let Some(seal) = seal {
        let _ = writeln!(out, "seal      sha256:{seal}");
    }
    // Last, because the end is what is looked at of a background command's output.
    let _ = writeln!(out, "result    {} · {} · exit {}", result.outcome, result.verdict, result.exit_code);
    out
}

fn list(out: &mut String, rows: impl Iterator<Item = String>, len: usize) {
    for row in rows.take(MAX_ROWS) {
        let _ = writeln!(out, "  {}", line(&row));
    }
    if len > MAX_ROWS {
        let _ = writeln!(out, "  … {} more", len - MAX_ROWS);
    }
}

/// One line whatever a path holds: control characters as in Rust, all else as it is.
pub fn one_line(path: &str) -> String {
    path.chars().fold(String::with_capacity(path.len()), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        line
    })
}

/// One line that a terminal shows as it is, bounded.
fn line(text: &str) -> String {
    bounded(text, MAX_COLUMNS)
}

fn bounded(text: &str, columns: usize) -> String {
    let mut line: String = harmless(text).chars().take(columns + 1).collect();
    if line.chars().count() > columns {
        line.pop();
        line.push('…');
    }
    line
}

fn seconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{}:{:02} min", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// Cuts at a line's end so that the text and the mark of the cut fit into `max` bytes.
fn cut(text: &mut String, max: usize) {
    if text.len() <= max {
        return;
    }
    let mut end = max.saturating_sub(8);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(text[..end].rfind('\n').map_or(0, |newline| newline + 1));
    text.push_str("  …\n");
}

#[cfg(test)]
mod tests;
