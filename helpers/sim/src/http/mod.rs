//! As much of HTTP/1.1 as a scripted peer needs: one request a connection, answered whole or as a stream of events.

mod request;
mod server;
mod wire;

pub use request::Request;
pub(crate) use server::Server;
pub(crate) use wire::{Beat, Close, Wire};
