//! What is sealed: hostile earlier indexes, nested repositories, outputs inside of the evidence, copies that changed.
