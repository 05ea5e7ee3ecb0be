//! Files that are none, or belong to others: FIFOs, devices, links, folders of other users, what a kill left.
