//! A process that has a file open for writing: ours would hand it to whatever another test is just starting.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Has a file open for writing, until it is dropped.
#[derive(Debug)]
pub struct FileWriter(Child);

impl FileWriter {
    /// Opens the file.
    pub fn of(file: &Path) -> Self {
        let mut writer = Command::new("sh");
        writer.args(["-c", "exec 3>>\"$0\"; echo open; read end"]).arg(file);
        let mut writer = Self(
            writer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("every Unix has a shell"),
        );
        let mut said = [0; 5];
        writer.0.stdout.take().expect("it is piped").read_exact(&mut said).expect("it opens what is there");
        assert_eq!(&said, b"open\n");
        writer
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // There is nothing that it could tell of its end.
        let _ = self.0.wait();
    }
}
