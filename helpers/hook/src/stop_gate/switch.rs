//! Whether the user wants the stop gate: `CLODEX_STOP_GATE`, else `stop_gate` of the user's own file. A project's file
//! has no say in it, because a review spends the user's quota.

use std::env;
use std::ffi::OsString;

use clodex_core::{Layer, Settings, Source};
use clodex_os::ConfigFiles;

const VARIABLE: &str = "CLODEX_STOP_GATE";
const KEY: &str = "stop_gate";

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// No gate.
    Off,
    /// A gate, because this says so.
    On(Source),
    /// It is spoken of, and cannot be understood: why.
    Unreadable(String),
}

/// Asks the environment and the user's file. A file that does not speak of it is not taken apart.
pub fn switch() -> Switch {
    decide(&|name| env::var_os(name), || {
        let files = ConfigFiles::of_user().ok().filter(|files| files.user_speaks_of(KEY));
        files.map_or(Ok(None), |files| files.user_layer()).map_err(|error| error.to_string())
    })
}

fn decide(
    variable: &dyn Fn(&str) -> Option<OsString>,
    file: impl FnOnce() -> Result<Option<Layer>, String>,
) -> Switch {
    // What else is wrong in the environment is no business of the gate.
    let environment = Layer::from_environment(|name| variable(name).filter(|_| name == VARIABLE));
    let layers = match environment {
        Ok(environment) if environment.stop_gate.is_some() => Ok(vec![environment]),
        Ok(_) => file().map(|layer| layer.into_iter().collect()),
        Err(error) => Err(error.to_string()),
    };
    match layers.map(|layers: Vec<Layer>| Settings::effective(&layers).stop_gate) {
        Ok(setting) if setting.value => Switch::On(setting.source),
        Ok(_) => Switch::Off,
        Err(why) => Switch::Unreadable(why),
    }
}

/// How it is switched off.
pub fn off_switch(on: Option<&Source>) -> String {
    match on {
        Some(Source::User(file)) => format!("`stop_gate: false` in {file} switches the stop gate off"),
        Some(Source::Environment(name)) => {
            format!("{name}=0 in the environment of Claude Code switches the stop gate off")
        }
        Some(Source::Flag(_) | Source::Packet(_) | Source::Project(_) | Source::Default) | None => {
            format!("{VARIABLE}=0, or `stop_gate: false` in your config.yaml, switches the stop gate off")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn decided(variable: &str, file: &str) -> Switch {
        let environment = |name: &str| match name {
            VARIABLE => Some(OsString::from(variable)),
            _ => Some("nonsense".into()),
        };
        decide(&environment, || {
            Layer::from_user_file("/u/config.yaml", file, Path::new("/u"))
                .map(Some)
                .map_err(|e| e.to_string())
        })
    }

    #[test]
    fn it_is_off_until_the_environment_or_the_users_file_says_otherwise() {
        let (by_file, by_variable) = (Source::User("/u/config.yaml".into()), Source::Environment(VARIABLE));
        for (variable, file, wanted) in [
            ("", "tier: deep", Switch::Off),
            ("", "stop_gate: false", Switch::Off),
            ("", "stop_gate: true", Switch::On(by_file)),
            ("1", "stop_gate: false", Switch::On(by_variable)),
            ("0", "stop_gate: true", Switch::Off),
        ] {
            assert_eq!(decided(variable, file), wanted, "{variable} {file}");
        }
    }

    #[test]
    fn what_is_said_and_cannot_be_understood_is_told() {
        for (variable, file) in [("maybe", ""), ("", "stop_gate: maybe")] {
            let Switch::Unreadable(why) = decided(variable, file) else { panic!("{variable} {file}") };
            assert!(why.contains("maybe") && why.contains("hint: "), "{why}");
        }
    }
}
