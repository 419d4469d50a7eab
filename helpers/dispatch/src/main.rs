//! clodex-dispatch: packet, run, report.

fn main() {}
