//! Archives that verify and unpack to something else.
