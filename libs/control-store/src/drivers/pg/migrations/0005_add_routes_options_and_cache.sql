-- The ways beside an alias's own target: { weight, balance, fallbacks, retries, fallbackOn, timeouts }. Null: none.
ALTER TABLE aliases ADD COLUMN route jsonb;

-- Settings of a provider's kind by name: { apiVersion }, { region }. Null: none.
ALTER TABLE providers ADD COLUMN options jsonb;

-- Answers of equal requests are given again for this long, milliseconds. Null: only where a request asks for it.
ALTER TABLE projects ADD COLUMN cache_ttl_ms bigint;
