use std::ffi::OsString;
use std::path::Path;

use super::*;

fn environment(variables: &'static [(&str, &str)]) -> Result<Layer, SettingsError> {
    Layer::from_environment(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    })
}

fn user(text: &str) -> Layer {
    Layer::from_user_file("/u/config.yaml", text, Path::new("/u")).unwrap()
}

fn project(text: &str) -> Result<Layer, String> {
    Layer::from_project_file("/p/.clodex/config.yaml", text, Path::new("/p"))
        .map_err(|error| error.to_string())
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let rows = Settings::effective(&[]).rows();
    assert!(rows.iter().all(|(_, _, source)| source == "default"), "{rows:?}");
    assert_eq!(rows[0], ("timeout_sec", "1800".into(), "default".into()));
    assert_eq!(rows[1], ("heartbeat_sec", "300".into(), "default".into()));
}

#[test]
fn each_layer_wins_over_the_weaker_ones() {
    let timeout = Some(Setting::flag("--timeout-sec", 1));
    let flags = Layer { timeout_sec: timeout, ..Layer::default() };
    let packet = "MODE: worker\nWORKDIR: /r\nOBJECTIVE: o\nWRITE SCOPE: x\nNON-GOALS: n\nVERIFICATION: v\nDELIVERABLE: d\nTIER: deep\nALLOW DIRTY OVERLAP: no\nBY-PRODUCTS: cov/\n";
    let layers = [
        flags,
        Layer::from_packet(&crate::Packet::parse(packet.as_bytes()).unwrap()),
        environment(&[
            ("CLODEX_TIMEOUT_SEC", "2"),
            ("CLODEX_TIER", "fast"),
            ("CLODEX_HEARTBEAT_SEC", "0"),
            ("CLODEX_IDLE_TIMEOUT", "9"),
            ("CLODEX_ISOLATE", "head"),
            ("CLODEX_QUOTA_GATE", "70"),
            ("CLODEX_VERIFY", "1"),
        ])
        .unwrap(),
        project("timeout_sec: 3\nheartbeat_sec: 3\nverify: false\nverify_timeout_sec: 60\nby_products: [gen/]\ntemplates: tools/prompts\n").unwrap(),
        user(
            "timeout_sec: 4\nallow_dirty_overlap: true\nby_products: [cache/]\ntemplates: t\nsandbox: read-only\nenforcement: sandbox\non_violation: restore\nretention_days: 7\nquota_gate: 0\nstop_gate: true\ncodex: /bin/codex\n",
        ),
    ];
    let settings = Settings::effective(&layers);
    let rows = settings.rows();
    let rows: Vec<(&str, &str, &str)> = rows.iter().map(|(a, b, c)| (*a, b.as_str(), c.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("timeout_sec", "1", "flag --timeout-sec"),
            ("heartbeat_sec", "0", "environment CLODEX_HEARTBEAT_SEC"),
            ("answer_timeout_sec", "300", "default"),
            ("idle_timeout_sec", "9", "environment CLODEX_IDLE_TIMEOUT"),
            ("tier", "deep", "packet field TIER"),
            ("sandbox", "read-only", "user file /u/config.yaml"),
            ("enforcement", "sandbox", "user file /u/config.yaml"),
            ("allow_dirty_overlap", "false", "packet field ALLOW DIRTY OVERLAP"),
            ("verify", "true", "environment CLODEX_VERIFY"),
            ("verify_timeout_sec", "60", "project file /p/.clodex/config.yaml"),
            ("backend", "auto", "default"),
            ("output_dir", "in the work directory", "default"),
            ("codex", "/bin/codex", "user file /u/config.yaml"),
            ("containment", "auto", "default"),
            ("isolate", "head", "environment CLODEX_ISOLATE"),
            ("on_violation", "restore", "user file /u/config.yaml"),
            ("secured_mib", "256", "default"),
            ("retention_days", "7", "user file /u/config.yaml"),
            ("quota_gate", "70", "environment CLODEX_QUOTA_GATE"),
            ("stop_gate", "true", "user file /u/config.yaml"),
            ("templates", "/p/tools/prompts", "project file /p/.clodex/config.yaml"),
            ("templates", "/u/t", "user file /u/config.yaml"),
            ("by_products", "cov/", "packet field BY-PRODUCTS"),
            ("by_products", "gen/", "project file /p/.clodex/config.yaml"),
            ("by_products", "cache/", "user file /u/config.yaml"),
        ]
    );
}

#[test]
fn the_older_variables_give_way_to_ours() {
    let old =
        environment(&[("CODEX_DISPATCH_TIMEOUT_SEC", "9"), ("CODEX_DISPATCH_HEARTBEAT_SEC", "8")]).unwrap();
    assert_eq!(
        old.timeout_sec.map(|s| (s.value, s.source)),
        Some((9, Source::Environment("CODEX_DISPATCH_TIMEOUT_SEC")))
    );
    assert_eq!(old.heartbeat_sec.map(|s| s.value), Some(8));
    let both = environment(&[("CODEX_DISPATCH_TIMEOUT_SEC", "9"), ("CLODEX_TIMEOUT_SEC", "7")]).unwrap();
    assert_eq!(both.timeout_sec.map(|s| s.value), Some(7));
    let empty = environment(&[("CODEX_DISPATCH_TIMEOUT_SEC", "9"), ("CLODEX_TIMEOUT_SEC", "")]).unwrap();
    assert_eq!(empty.timeout_sec.map(|s| s.value), Some(9));
}

#[test]
fn a_bad_variable_is_an_error_that_names_it() {
    for variables in [
        &[("CLODEX_TIMEOUT_SEC", "30m")][..],
        &[("CLODEX_HEARTBEAT_SEC", "-1")],
        &[("CODEX_DISPATCH_TIMEOUT_SEC", "soon")],
        &[("CLODEX_VERIFY", "maybe")],
        &[("CLODEX_BACKEND", "mcp")],
        &[("CLODEX_CONTAINMENT", "none")],
        &[("CLODEX_ON_VIOLATION", "stop")],
        &[("CLODEX_RETENTION_DAYS", "a month")],
        &[("CLODEX_QUOTA_GATE", "85%")],
        &[("CLODEX_QUOTA_GATE", "101")],
        &[("CLODEX_STOP_GATE", "yes")],
    ] {
        let (name, value) = variables[0];
        let error = environment(variables).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot use {name}=`{value}` from the environment\n  hint: ")),
            "{error}"
        );
    }
}

#[test]
fn variables_of_others_are_nobodys_business() {
    assert_eq!(
        environment(&[("CLODEX_COLOUR", "0"), ("CLODEX_BACKEND", "auto")]).unwrap().backend.map(|s| s.value),
        Some(Backend::Auto)
    );
}

#[test]
fn a_project_file_never_widens_what_a_run_may_do() {
    for key in [
        "sandbox",
        "network",
        "allow_dirty_overlap",
        "backend",
        "output_dir",
        "force",
        "codex",
        "containment",
        "on_violation",
        "secured_mib",
        "retention_days",
        "mcp",
        "quota_gate",
        "stop_gate",
    ] {
        for value in ["true", "read-only", "{a: [b]}", ""] {
            let error = project(&format!("tier: deep\n{key}: {value}\n")).unwrap_err();
            let wanted =
                format!("cannot read `/p/.clodex/config.yaml`: a project file may not set {key}\n  hint: ");
            assert!(error.starts_with(&wanted), "{error}");
        }
    }
    for (text, wanted) in [
        ("timeout_sec: 0", "timeout_sec of a project is between 1 and 86400"),
        ("heartbeat_sec: 86401", "heartbeat_sec of a project is between 1 and 86400"),
        ("templates: ../x", "templates of a project must be inside it"),
        ("templates: /etc", "templates of a project must be inside it"),
        ("tire: deep", "unknown field `tire`"),
        ("timeout_sec: soon", "invalid type"),
    ] {
        let error = project(text).unwrap_err();
        assert!(
            error.starts_with("cannot read `/p/.clodex/config.yaml`: ") && error.contains(wanted),
            "{error}"
        );
    }
}

#[test]
fn a_bad_user_file_is_an_error_that_names_it() {
    for (text, wanted) in [
        ("backend: mcp", "backend is `mcp`"),
        ("containment: off", "containment is `off`"),
        ("on_violation: undo", "on_violation is `undo`"),
        ("quota_gate: 101", "quota_gate is `101`"),
        ("sandbox: danger-full-access", "sandbox: danger-full-access cannot be a habit"),
        ("network: true", "unknown field `network`"),
        ("timeout_sec: 1\ntimeout_sec: 2", "duplicate"),
    ] {
        let error = Layer::from_user_file("/u/config.yaml", text, Path::new("/u")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `/u/config.yaml`: ") && error.contains(wanted), "{error}");
    }
}

#[test]
fn an_isolated_run_puts_its_own_back_unless_somebody_says_otherwise() {
    let isolated = || Layer { isolate: Some(Setting::flag("--isolate", Isolate::Head)), ..Layer::default() };
    let reaction = |layers: &[Layer]| Settings::effective(layers).on_violation.value;
    assert_eq!(reaction(&[]), OnViolation::Report);
    assert_eq!(reaction(&[isolated()]), OnViolation::Restore);
    assert_eq!(reaction(&[isolated(), user("on_violation: report\n")]), OnViolation::Report);
}
