//! An app-server that is held as clodex holds its own: what is compared are clients, and a session of its own is a share
//! of the machine.

use std::io;
use std::process::{ChildStdin, ChildStdout, Command};
use std::thread;

use clodex_os::{Contained, ContainedCommand, Spawned, wrapper_beside_this_program};

/// Starts a server, to be talked with over its streams; it ends with the hold on it.
pub fn start(server: &Command) -> io::Result<(Contained, ChildStdout, ChildStdin)> {
    let wrapper = wrapper_beside_this_program().map_err(io::Error::other)?;
    let mut command = ContainedCommand::new(&wrapper, server.get_program(), "figures").env_clear();
    for (name, value) in server.get_envs() {
        command = command.env(name, value.unwrap_or_default());
    }
    let arguments: Vec<_> = server.get_args().collect();
    command = command.args(arguments);
    if let Some(directory) = server.get_current_dir() {
        command = command.current_dir(directory);
    }
    let Spawned { contained, ending: _, stdin, stdout, mut stderr } =
        command.spawn().map_err(io::Error::other)?;
    thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
    Ok((contained, stdout, stdin))
}
