//! The notifications against what the real app-server sent, and against everything else.

use clodex_core::RateWindow;

use super::*;

/// A recorded line, as far as it is a notification: method and parameters.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[test]
fn a_recorded_session_is_understood_whole() {
    let path = format!("{}/../../tests/fixtures/codex/app-server-0.169.jsonl", env!("CARGO_MANIFEST_DIR"));
    let recorded = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Line<'_>> = recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told =
        lines.iter().filter(|line| !line.method.is_empty() && !line.method.ends_with("requestApproval"));
    let told: Vec<String> = told
        .map(|line| {
            let notice = Notice::read(&line.method, line.params.map(RawValue::get));
            let [thread, turn] =
                [&notice.thread_id, &notice.turn_id].map(|id| id.get(14..18).unwrap_or("-").to_owned());
            format!("{thread} {turn} {:?}", notice.told)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

fn told<'a>(method: &'a str, params: &'a str) -> Told<'a> {
    Notice::read(method, Some(params)).told
}

#[test]
fn a_moved_file_goes_and_comes() {
    let params = r#"{"item":{"type":"fileChange","id":"i","status":"completed","changes":[{"path":"/p/a","kind":{"type":"update","move_path":"/p/b"}}]}}"#;
    let changes = vec![
        FileChange { path: "/p/a".into(), kind: clodex_core::ChangeKind::Delete },
        FileChange { path: "/p/b".into(), kind: clodex_core::ChangeKind::Add },
    ];
    assert_eq!(told("item/started", params), Told::PatchProposed { item: "i".into(), changes });
}

#[test]
fn the_code_of_an_error_says_more_than_its_words_and_its_words_more_than_a_lost_connection() {
    for (info, message, kind) in [
        (r#""usageLimitExceeded""#, "no", FailureKind::UsageLimit),
        (r#"{"responseStreamDisconnected":{"httpStatusCode":null}}"#, "gone", FailureKind::Connection),
        (
            r#"{"responseTooManyFailedAttempts":{"httpStatusCode":401}}"#,
            "401 Unauthorized",
            FailureKind::Unauthorized,
        ),
        ("null", "You've hit your usage limit.", FailureKind::UsageLimit),
        ("7", "odd", FailureKind::Other),
    ] {
        let params =
            format!(r#"{{"error":{{"message":"{message}","codexErrorInfo":{info}}},"willRetry":true}}"#);
        assert_eq!(
            told("error", &params),
            Told::Error { message: message.into(), kind, retry: Retry::Yes },
            "{info}"
        );
    }
}

#[test]
fn what_is_not_told_is_not_zero() {
    let none = Told::RateLimits(RateLimits::default());
    assert_eq!(
        told(
            "account/rateLimits/updated",
            r#"{"rateLimits":{"primary":null,"secondary":{},"planType":null}}"#
        ),
        none
    );
    let params =
        r#"{"rateLimits":{"primary":{"usedPercent":12,"windowDurationMins":300,"resetsAt":1795300000}}}"#;
    let primary = Some(RateWindow { used_percent: 12, minutes: Some(300), resets_at: Some(1_795_300_000) });
    assert_eq!(
        told("account/rateLimits/updated", params),
        Told::RateLimits(RateLimits { primary, ..RateLimits::default() })
    );
    let of_one_model = params.replace(r#""primary""#, r#""limitId":"codex_other","primary""#);
    assert_eq!(told("account/rateLimits/updated", &of_one_model), none);
}

#[test]
fn what_is_new_is_other_and_nonsense_costs_the_field() {
    assert_eq!(told("thread/dreams", "{}"), Told::Other("thread/dreams".into()));
    assert_eq!(
        told("turn/completed", r#"{"turn":{"id":3,"status":"paused"}}"#),
        Told::TurnEnded(TurnEnd::Unknown("paused".into()))
    );
    for params in ["", "null", "[]", "{", r#"{"item":7}"#] {
        assert_eq!(
            told("item/completed", params),
            Told::Event(Event::Unknown { kind: "".into() }),
            "{params}"
        );
    }
}

#[test]
fn another_model_than_was_asked_for_is_told() {
    let params =
        r#"{"threadId":"t","turnId":"u","fromModel":"a","toModel":"b","reason":"highRiskCyberActivity"}"#;
    assert_eq!(told("model/rerouted", params), Told::ModelIs("b".into()));
}
