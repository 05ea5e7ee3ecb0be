//! Reports, status files and waivers that are passed over, outdated or contradict themselves.
