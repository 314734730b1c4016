"""ERROR and CRITICAL log records become PagerDuty alerts, one per problem."""
