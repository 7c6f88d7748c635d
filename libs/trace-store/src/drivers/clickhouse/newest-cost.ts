/**
 * Of the rows of `costs` the newest of each span, in the order of the table: half the work of `argMax` over pairs. All
 * costs of a span have its start.
 */
export const newestCostOfEach =
  'ORDER BY start_time, span_id, costs.time DESC, price_book_version DESC LIMIT 1 BY start_time, span_id';
