//! Windows that look calm because nobody counted: silent attempts, holes, bad moments between good ones.
