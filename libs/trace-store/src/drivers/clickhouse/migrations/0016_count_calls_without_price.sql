-- How many calls of an hour have a cost, how many have no price, and how many lack a part of it.
ALTER TABLE costs_hourly {{on_cluster}}
  ADD COLUMN IF NOT EXISTS priced SimpleAggregateFunction(sum, UInt64),
  ADD COLUMN IF NOT EXISTS without_price SimpleAggregateFunction(sum, UInt64),
  ADD COLUMN IF NOT EXISTS partly_priced SimpleAggregateFunction(sum, UInt64);

-- Not MODIFY QUERY: see 0008.
DROP VIEW IF EXISTS costs_hourly_of_costs {{on_cluster}};

-- Hours of before: the counts alone, by a token, so that a second run adds nothing.
INSERT INTO costs_hourly (
  project_id, hour, request_model, provider, key_id, price_book_version, rows, total_usd, priced, without_price,
  partly_priced
)
SELECT
  project_id, toStartOfHour(toDateTime(start_time, 'UTC')) AS hour, request_model, provider, key_id, price_book_version,
  0, 0, countIf(state != 'unpriced'), countIf(state = 'unpriced' AND reason = 'no_price'), countIf(state = 'partial')
FROM costs
GROUP BY project_id, hour, request_model, provider, key_id, price_book_version
ORDER BY project_id, hour, request_model, provider, key_id, price_book_version
SETTINGS max_execution_time = 3600, max_insert_block_size = 100000000, insert_deduplication_token = '0016-costs-hourly';

CREATE MATERIALIZED VIEW IF NOT EXISTS costs_hourly_of_costs {{on_cluster}} TO costs_hourly AS
SELECT
  project_id,
  toStartOfHour(toDateTime(start_time, 'UTC')) AS hour,
  request_model,
  provider,
  key_id,
  price_book_version,
  count() AS rows,
  sum(costs.total_usd) AS total_usd,
  countIf(state != 'unpriced') AS priced,
  countIf(state = 'unpriced' AND reason = 'no_price') AS without_price,
  countIf(state = 'partial') AS partly_priced
FROM costs
GROUP BY project_id, hour, request_model, provider, key_id, price_book_version;
