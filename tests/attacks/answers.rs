//! Answers of a probed server that lie: cut, contradicting, oversized, from the wrong place.
