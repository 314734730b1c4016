"""Accepted events reach PagerDuty, or their loss is reported."""
