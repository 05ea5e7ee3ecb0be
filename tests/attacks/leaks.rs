//! Secrets that are cut, encoded or split before they are looked for.
