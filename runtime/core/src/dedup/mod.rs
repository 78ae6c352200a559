//! Event time, watermark, and the newest version of each key.
