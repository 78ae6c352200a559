-- The table `accounts` as Debezium captured it. Times are microseconds since 1970, and each has
-- whole milliseconds.

CREATE TABLE captured (
    id BIGINT,
    name STRING,
    email STRING,
    country_code STRING,
    visits INT,
    is_active BOOLEAN,
    score DOUBLE,
    created_at BIGINT,
    note STRING,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'kafka',
    'topic' = '@TOPIC@',
    'properties.bootstrap.servers' = '@KAFKA@',
    'properties.group.id' = 'accounts',
    'scan.startup.mode' = 'earliest-offset',
    'value.format' = 'debezium-json',
    'value.debezium-json.schema-include' = '@SCHEMAS@'
);

CREATE TABLE accounts (
    id BIGINT,
    name STRING,
    email STRING,
    country_code STRING,
    visits INT,
    is_active BOOLEAN,
    score DOUBLE,
    -- The sink refuses TIMESTAMP_LTZ; the JVMs run in UTC.
    created_at TIMESTAMP(3),
    note STRING,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = '@JDBC@?reWriteBatchedInserts=true',
    'table-name' = 'accounts',
    'username' = '@USER@',
    'password' = '@PASSWORD@',
    'sink.buffer-flush.max-rows' = '5000',
    'sink.buffer-flush.interval' = '2 s',
    'sink.max-retries' = '5'
);

INSERT INTO accounts
SELECT
    id, name, email, country_code, visits, is_active, score,
    CAST(TO_TIMESTAMP_LTZ(created_at / 1000, 3) AS TIMESTAMP(3)), note
FROM captured;
