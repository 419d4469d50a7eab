//! What decides whether this user can have a sandbox here: what the kernel lets him do with namespaces. Knows no sandbox.

use std::fs;

use crate::clock::HostAndBoot;

/// Switches that forbid namespaces, each where some kernel has it.
const SWITCHES: [&str; 3] = [
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
];
/// What a container or another sandbox around us has taken away.
const LIMITS: [&str; 3] = ["CapBnd:", "NoNewPrivs:", "Seccomp:"];

/// A text that is another one when a sandbox that worked may not work any more: another machine, boot or user, other
/// switches, a container around us.
pub fn sandbox_conditions() -> String {
    let here = HostAndBoot::here();
    let user = nix::unistd::geteuid();
    let namespace = fs::read_link("/proc/self/ns/user").unwrap_or_default();
    let switches = SWITCHES.map(|switch| fs::read_to_string(switch).unwrap_or_default().trim().to_owned());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = status.lines().filter(|line| LIMITS.iter().any(|limit| line.starts_with(limit)));
    let limits: Vec<&str> = limits.flat_map(str::split_whitespace).collect();
    format!(
        "{} {} {user} {} {} {}",
        here.host,
        here.boot,
        namespace.display(),
        switches.join(" "),
        limits.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_stay_as_they_are_while_nothing_changes() {
        let conditions = sandbox_conditions();
        assert_eq!(conditions, sandbox_conditions());
        assert!(conditions.contains(&format!(" {} ", nix::unistd::geteuid())), "{conditions}");
    }
}
