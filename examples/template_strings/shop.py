"""Log template strings: one alert for each template, whatever the values. Needs Python 3.14."""

import logging

from pagerduty_logging import PagerDutyHandler, RenderTemplates

console = logging.StreamHandler()
console.addFilter(RenderTemplates())
logging.basicConfig(handlers=[console, PagerDutyHandler()])
log = logging.getLogger("shop.orders")

for order, disk in ((17, "db1"), (18, "db2")):
    log.error(t"cannot ship order {order}")
    log.critical(t"disk full on {disk}")
