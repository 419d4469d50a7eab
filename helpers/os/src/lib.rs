//! Processes, namespaces, signals, state files, locks and the clock.
