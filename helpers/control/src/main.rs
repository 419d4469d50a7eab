//! Act on runs: clodex-cancel.

fn main() {}
