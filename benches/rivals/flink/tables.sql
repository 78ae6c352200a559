-- The job of all Flink rivals, up to what they do differently: the topic, the table, and the newest event of each user.

CREATE TABLE users_cdc (
    op STRING,
    `before` ROW<user_id BIGINT, name STRING, email STRING, country_code STRING>,
    `after` ROW<user_id BIGINT, name STRING, email STRING, country_code STRING>,
    timestamp_ms BIGINT,
    updated_at AS TO_TIMESTAMP_LTZ(timestamp_ms, 3),
    WATERMARK FOR updated_at AS updated_at - INTERVAL '10' SECOND
) WITH (
    'connector' = 'kafka',
    'topic' = '@TOPIC@',
    'properties.bootstrap.servers' = '@KAFKA@',
    'properties.group.id' = 'users-enriched',
    'scan.startup.mode' = 'earliest-offset',
    'format' = 'json',
    'json.ignore-parse-errors' = 'true'
);

CREATE TABLE users_enriched (
    user_id BIGINT,
    name STRING,
    email STRING,
    email_domain STRING,
    country_code STRING,
    country_name STRING,
    is_corporate BOOLEAN,
    is_deleted BOOLEAN,
    -- The sink refuses TIMESTAMP_LTZ; the JVMs run in UTC.
    updated_at TIMESTAMP(3),
    PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = '@JDBC@',
    'table-name' = 'users_enriched',
    'username' = '@USER@',
    'password' = '@PASSWORD@',
    'sink.buffer-flush.max-rows' = '200',
    'sink.buffer-flush.interval' = '2 s',
    'sink.max-retries' = '5'
);

CREATE VIEW normalized AS
SELECT
    IF(op = 'd', `before`.user_id, `after`.user_id) AS user_id,
    IF(op = 'd', `before`.name, `after`.name) AS name,
    IF(op = 'd', `before`.email, `after`.email) AS email,
    IF(op = 'd', `before`.country_code, `after`.country_code) AS country_code,
    op = 'd' AS is_deleted,
    updated_at
FROM users_cdc
WHERE op IN ('c', 'u', 'd');

CREATE VIEW newest AS
SELECT user_id, name, email, SPLIT_INDEX(email, '@', 1) AS email_domain, country_code, is_deleted, updated_at
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY updated_at DESC) AS nth FROM normalized)
WHERE nth = 1;
