//! What an installation consists of: the programs, and the names they answer to besides their own.

/// The programs that are installed.
pub const PROGRAMS: [&str; 14] = [
    "clodex-announce",
    "clodex-apply",
    "clodex-claude",
    "clodex-contain",
    "clodex-control",
    "clodex-dispatch",
    "clodex-flow",
    "clodex-hook",
    "clodex-progress",
    "clodex-scope",
    "clodex-setup",
    "clodex-status",
    "clodex-statusline",
    "clodex-thread",
];

/// The shim knows which name means which program: there is one list of them.
const SHIM: &str = include_str!("../../../bin/clodex-shim");

/// Other names, with the program that answers to each.
pub fn links() -> Vec<(&'static str, &'static str)> {
    let cases =
        SHIM.lines().filter_map(|line| line.split_once(") program=clodex-").map(|(names, _)| (names, line)));
    let links = cases.flat_map(|(names, line)| {
        let program = line.split("program=").nth(1).unwrap_or_default().trim_end_matches([' ', ';']);
        names.split('|').map(move |name| (name.trim(), program))
    });
    links.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_name_in_bin_is_a_program_or_a_link_to_one() {
        let links = links();
        assert!(links.contains(&("clodex-wait", "clodex-status")), "{links:?}");
        for (name, program) in &links {
            assert!(PROGRAMS.contains(program) && !PROGRAMS.contains(name), "{name}");
        }
        let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bin");
        for entry in std::fs::read_dir(bin).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = PROGRAMS.contains(&name.as_str()) || links.iter().any(|(link, _)| *link == name);
            assert!(known || matches!(name.as_str(), "clodex-shim" | "clodex-bootstrap"), "{name}");
        }
    }
}
