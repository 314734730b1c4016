"""PagerDuty's Events API v2, and nothing of logging: usable alone, as a client library."""
