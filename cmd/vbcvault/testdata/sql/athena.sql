CREATE EXTERNAL TABLE recordings (
  `kind` string, `user` string, `id` bigint, `start` timestamp, `duration_ms` bigint, `direction` string,
  `caller_id` string, `cnam` string, `dnis` string, `extensions` array<string>, `rule_ids` array<string>,
  `call_id` string, `file_name` string, `state` string, `archived_at` timestamp, `bytes` bigint,
  `key` string, `sha256` string, `sidecar_key` string, `transcript_key` string)
PARTITIONED BY (`account` string, `year` int, `month` int)
STORED AS PARQUET
LOCATION 's3://MY-BUCKET/recordings/catalog/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.account.type' = 'enum', 'projection.account.values' = '549825',
  'projection.year.type' = 'integer', 'projection.year.range' = '2010,2050',
  'projection.month.type' = 'integer', 'projection.month.range' = '1,12', 'projection.month.digits' = '2',
  'storage.location.template' = 's3://MY-BUCKET/recordings/catalog/account=${account}/year=${year}/month=${month}/');
