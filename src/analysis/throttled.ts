// Calls that were refused or took too long, as SQL over the view `calls`.

/** Refused with 429, too many requests. */
export const IS_LIMITED = `(error_type = '429' OR CASE WHEN contains(attributes, '"http.response.status_code":') THEN (attributes->>'http.response.status_code') = '429' ELSE false END)`

/** Given up on after a time limit. */
export const IS_LATE = `regexp_matches(error_type, '(?i)timeout|timed ?out|ETIMEDOUT')`
