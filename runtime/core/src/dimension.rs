//! Dimensions: immutable snapshots of reference data that transforms ask the host to join.
