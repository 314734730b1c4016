"""A client of PagerDuty's Events API v2 that can be used without logging."""
