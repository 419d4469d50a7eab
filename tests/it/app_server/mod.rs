//! The app-server's client: against a peer with faults on demand, and against the real one.

mod drive;
mod faults;
mod programs;
mod real;
mod records;
mod talk;
