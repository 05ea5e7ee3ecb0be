//! Prerequisites that are met without being there: references, freezes, configurations, skips that start anew.
