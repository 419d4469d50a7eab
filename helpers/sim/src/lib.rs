//! Not shipped: scripted model server and a fault-injecting stand-in for codex.
