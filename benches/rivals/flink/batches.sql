-- Large batches, and the driver sends each as statements of many rows.
ALTER TABLE users_enriched SET ('url' = '@JDBC@?reWriteBatchedInserts=true', 'sink.buffer-flush.max-rows' = '5000');
