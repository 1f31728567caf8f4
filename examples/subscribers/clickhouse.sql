-- Every record of every room, as clickhouse.mjs fills it.
--
-- A record comes at least once, and a deleted message once more without its content: of rows with the
-- same room, epoch and seq the one with the highest version stays. Until parts are merged both are there,
-- so read with FINAL:
--
--     SELECT user, count() FROM edgeroom_records FINAL WHERE room = 'lobby' AND NOT deleted GROUP BY user
CREATE TABLE IF NOT EXISTS edgeroom_records
(
    room String,
    -- Epochs sort by time.
    epoch String,
    seq UInt64,
    type LowCardinality(String),
    ts DateTime64(3, 'UTC'),
    user String,
    id String,
    -- The JSON text as it was sent. JSONExtract* reads it.
    content String CODEC(ZSTD),
    content_omitted Bool,
    deleted Bool,
    `by` String,
    target UInt64,
    action LowCardinality(String),
    until Nullable(DateTime64(3, 'UTC')),
    reason String,
    -- 0; 1 without its content; 2 when it is known who has deleted it.
    version UInt8
)
ENGINE = ReplacingMergeTree(version)
-- A record's ts never changes, so all its rows meet in one partition.
PARTITION BY toYYYYMM(ts)
ORDER BY (room, epoch, seq)
SETTINGS
    -- The same batch again is dropped by its insert_deduplication_token.
    non_replicated_deduplication_window = 1000,
    -- So that a deleted content is gone from the disk within the hour, and not when it happens to be merged.
    min_age_to_force_merge_seconds = 1800;
