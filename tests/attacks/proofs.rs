//! Heartbeat logs that are edited, borrowed or only renamed.
