"""A log record as plain data: its message, exception, request, and what it asks of its page."""
