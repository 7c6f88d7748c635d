-- What a key may use: { requestsPerMinute, tokensPerMinute, concurrentCalls }, each a number or null. Null: no limits.
ALTER TABLE api_keys ADD COLUMN limits jsonb;
