//! From messages to columns: the declared document paths, projected in one walk.
