//! Programs that are written while a test runs. Knows nothing of what they do.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program that can be started at once. Another process writes it: whatever this one starts meanwhile in another
/// thread would for a moment hold the file open for writing as well, and then it cannot be started (`ETXTBSY`).
pub fn write_program(path: &Path, script: &str) -> io::Result<()> {
    let mut writer = Command::new("/bin/sh");
    writer.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn()?;
    // Dropped at once: that is the end of what is to be written.
    let written = writer.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(script.as_bytes()));
    let status = writer.wait()?;
    written?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("`{}` was not written", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_written_can_be_started_while_others_start_things() {
        let dir = tempfile::tempdir().unwrap();
        let starts = || (0..50).for_each(|_| assert!(Command::new("true").status().unwrap().success()));
        thread::scope(|scope| {
            scope.spawn(starts);
            for number in 0..50 {
                let program = dir.path().join(number.to_string());
                write_program(&program, "#!/bin/sh\nexit 7\n").unwrap();
                assert_eq!(Command::new(program).status().unwrap().code(), Some(7));
            }
        });
    }
}
