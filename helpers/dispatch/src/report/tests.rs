use clodex_core::{
    Claim, Containment, Durations, Enforcement, Mode, Outcome, RunId, Tokens, Verdict, VerificationEntry,
    ViolationKind, WorkerResult,
};

use super::*;

fn result() -> RunResult {
    RunResult {
        version: 1,
        run_id: RunId::new("20260121T010203Z", Mode::Worker, "add slug tests", "k3f9"),
        mode: Mode::Worker,
        outcome: Outcome::Done,
        verdict: Verdict::Violation,
        exit_code: 6,
        policy_violation: true,
        scope_ok: false,
        summary: "added three tests".into(),
        hint: None,
        claim: Some(Claim {
            result: WorkerResult::Done,
            summary: "added three tests".into(),
            report: "long".into(),
            changed_files: vec!["src/slug.rs".into()],
            verification_run: vec!["cargo test: 3 passed".into()],
            evidence: vec![],
            findings: vec![],
            risks: vec!["none\u{1b}[31m known".into()],
            next: String::new(),
            verdict: "CLEAN".into(),
        }),
        claimed_verdict: Some(ClaimedVerdict::Clean),
        answer: None,
        findings: None,
        message: None,
        recovered: false,
        error: None,
        files_seen: vec!["src/slug.rs".into()],
        commands_seen: vec![CommandSeen {
            command: "cargo test".into(),
            exit_code: Some(0),
            duration_ms: Some(1234),
        }],
        verification: vec![VerificationEntry {
            text: "`cargo test`".into(),
            status: VerificationStatus::SeenPassed,
            exit_code: Some(0),
            claimed: None,
            check: None,
        }],
        tokens: Some(Tokens { input: 41_000, cached_input: 30_000, output: 1_000, reasoning: 100 }),
        durations: Durations {
            total_ms: 133_000,
            codex_ms: 132_000,
            baseline_ms: 3,
            compare_ms: 4,
            verify_ms: 0,
        },
        thread_id: Some("01a1".into()),
        resume: Some("codex resume 01a1".into()),
        backend: "app-server".into(),
        codex_version: Some("0.169.0".into()),
        model: None,
        artifact_dir: "/p/.codex-dispatch/runs/x".into(),
        artifacts: vec![],
    }
}

fn policy() -> Policy {
    Policy {
        version: 1,
        run_id: String::new(),
        mode: Mode::Worker,
        verdict: Verdict::Violation,
        containment: Some(Containment::Kernel),
        policy_violation: true,
        scope_ok: false,
        exit_code: 6,
        watchdog_killed: false,
        enforcement: Enforcement::Sandbox,
        profile: None,
        write_scope: vec!["src/".into()],
        violations: vec![Violation {
            path: "lib/x.txt".into(),
            kind: ViolationKind::Modified,
            detail: "content, 6 → 12 bytes".into(),
            restored: false,
            by: Some("during `make`".into()),
        }],
        by_products: vec!["target/".into()],
        foreign: vec![],
        in_scope: vec!["src/slug.rs".into()],
        left: std::collections::BTreeMap::new(),
        commits: vec![],
        dirty_overlap: vec![],
        denied: vec![Denied { path: Some("docs/d".into()), by: "touch docs/d".into() }],
        stragglers_killed: 0,
        notes: vec![],
        degraded: vec![],
    }
}

#[test]
fn verdict_and_claim_stand_apart_and_violations_come_first() {
    insta::assert_snapshot!(render(&result(), &policy(), Some("abcd")), @r"
    outcome  done (exit 6)
    verdict  violation (in Codex's own sandbox, processes held by the kernel)
    claim    worker says CLEAN
    summary  added three tests

    violations (1; allowed: src/)
      lib/x.txt  modified: content, 6 → 12 bytes  (during `make`)

    changed in scope (1)
      src/slug.rs

    by-products (1)
      target/

    writes that were refused, as reported by the tools (1)
      docs/d  by touch docs/d

    commands (1)
        0  cargo test  1.2 s

    the worker (its claim, not checked)
      says it changed
        src/slug.rs
      says it verified
        cargo test: 3 passed
      risks
        none [31m known

    verification (as seen in the stream)
      passed    `cargo test`

    took 2:13 min, scope checks 7 ms · 42000 tokens (in 41000, of it cached 30000; out 1000)
    backend   app-server (codex 0.169.0)
    resume    codex resume 01a1
    run       20260121T010203Z-worker-add-slug-tests-k3f9
    artifacts /p/.codex-dispatch/runs/x
    seal      sha256:abcd
    result    done · violation · exit 6
    ");
}

#[test]
fn a_report_is_bounded_and_keeps_its_footer_whatever_the_worker_says() {
    let mut result = result();
    let mut policy = policy();
    let claim = result.claim.as_mut().unwrap();
    claim.findings = vec!["ü".repeat(1_000); 1_000];
    claim.report = "r".repeat(400_000);
    result.message = Some("m".repeat(400_000));
    policy.violations = vec![policy.violations[0].clone(); 5_000];
    policy.in_scope = vec!["x".repeat(4_000); 5_000];
    policy.notes = vec!["n".repeat(4_000); 50];
    let report = render(&result, &policy, Some("abcd"));
    assert!(report.len() <= MAX_BYTES, "{}", report.len());
    assert!(report.contains("violations (5000"));
    assert!(report.ends_with("seal      sha256:abcd\nresult    done · violation · exit 6\n"));
}

#[test]
fn a_refused_run_says_nothing_of_what_did_not_happen() {
    let mut result = result();
    let mut policy = policy();
    (result.verdict, policy.verdict) = (Verdict::Refused, Verdict::Refused);
    let report = render(&result, &policy, None);
    assert!(report.contains("verdict  refused\n"), "{report}");
    assert!(!report.contains("as seen in the stream"), "{report}");
}

#[test]
fn a_report_is_bounded_whatever_a_path_or_the_name_of_a_thread_holds() {
    let mut result = result();
    result.artifact_dir = "/\u{1}😀".repeat(9_000);
    result.resume = Some(format!("codex resume {}", "t".repeat(9_000)));
    let report = render(&result, &policy(), Some("5ea1"));
    assert!(report.len() <= MAX_BYTES, "{}", report.len());
    assert!(
        report.contains("outcome ") && report.ends_with("result    done · violation · exit 6\n"),
        "{report}"
    );
}

#[test]
fn what_the_worker_says_reorders_and_colours_nothing() {
    let mut result = result();
    (result.summary, result.claim) = ("ok \u{202e}kcab\u{1b}[2J".into(), None);
    result.message = Some("one \u{202e}two\u{1b}[2J\r\nthree".into());
    let report = render(&result, &policy(), None);
    assert!(report.contains("summary  ok kcab [2J\n"), "{report}");
    assert!(report.contains("  one two [2J\n  three\n") && !report.contains('\u{202e}'), "{report}");
}
