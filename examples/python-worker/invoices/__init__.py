"""A worker that writes invoices: jobs come in through a queue in SQLite."""
