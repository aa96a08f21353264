SELECT id, "start", caller_id, duration_ms, key, sha256
FROM read_parquet('s3://MY-BUCKET/recordings/catalog/*/*/*/catalog.parquet', hive_partitioning = true,
  hive_types = {'account': VARCHAR, 'year': INTEGER, 'month': INTEGER})
WHERE account = '549825' AND year = 2025 AND month BETWEEN 1 AND 6 AND list_contains(extensions, '101')
ORDER BY "start";
