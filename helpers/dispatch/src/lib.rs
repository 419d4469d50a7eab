//! clodex-dispatch: packet, run, report.
