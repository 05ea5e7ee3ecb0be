//! Previous releases that are not what their name says, and repositories that are broken on purpose.
