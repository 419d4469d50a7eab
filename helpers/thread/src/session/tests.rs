//! Which of what is heard is a sign of life.

use clodex_core::Event;

use super::*;

#[test]
fn who_tries_again_in_vain_is_silent() {
    let again = Event::Reconnecting { message: "waiting for network".into() };
    assert!(!Heard::Event(again).is_life());
    assert!(Heard::Event(Event::TurnStarted).is_life());
}

#[test]
fn a_late_list_is_no_sign_of_life() {
    let late = [Heard::Threads(ThreadsFor::Listing, Ok(vec![])), Heard::Models(Ok(vec![]))];
    assert!(late.iter().all(|heard| !heard.is_life()));
    assert!(Heard::Part("x".to_owned()).is_life() && Heard::Other.is_life());
}
