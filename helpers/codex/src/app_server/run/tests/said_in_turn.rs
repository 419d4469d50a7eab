//! What was said in a turn that ends before the model has read it.

use super::*;

#[test]
fn what_codex_had_taken_and_not_given_to_the_model_is_told_when_the_turn_is_over() {
    let shown = |name: &str| {
        let item = format!(r#"{{"type":"userMessage","id":"{name}","clientId":"{name}","content":[]}}"#);
        format!(r#"{{"method":"item/started","params":{{"threadId":"t","turnId":"u","item":{item}}}}}"#)
    };
    let ended =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"completed"}}}"#;
    let told = |names: &[&str]| {
        let (mut run, now) = (working(), Instant::now());
        for number in 1..=3 {
            run.steer(number, "keep it", now);
        }
        hear(&mut run, r#"{"id":4,"result":{"turnId":"u"}}"#);
        hear(&mut run, r#"{"id":5,"result":{"turnId":"u"}}"#);
        for name in names {
            hear(&mut run, &shown(name));
        }
        let at_end = hear(&mut run, ended);
        let later = hear(&mut run, r#"{"id":6,"result":{"turnId":"u"}}"#);
        let not_read = |effects: Vec<String>| -> Vec<String> {
            effects.into_iter().filter(|effect| effect.starts_with("NotRead")).collect()
        };
        (not_read(at_end), not_read(later))
    };
    let numbers = |numbers: &[u64]| -> Vec<String> {
        numbers.iter().map(|number| format!("NotRead({number})")).collect()
    };
    assert_eq!(told(&["clodex-turn", "clodex-steer-1"]), (numbers(&[2]), numbers(&[3])));
    assert_eq!(told(&["clodex-turn", "clodex-steer-1", "clodex-steer-3"]), (numbers(&[2]), numbers(&[])));
    // A Codex that keeps no names cannot say which it has given.
    assert_eq!(told(&[]), (numbers(&[]), numbers(&[])));
}
