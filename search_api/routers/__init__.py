"""Routes under `/api/v1`, one module per noun. A body is short: ask the parts, shape the reply."""
