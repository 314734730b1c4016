"""A Django project whose failures page. Try it with a stand-in for PagerDuty (`pagerduty-logging sandbox`):

export PAGERDUTY_ROUTING_KEY=sandbox0sandbox0sandbox0sandbox0 PAGERDUTY_EVENTS_URL=http://127.0.0.1:8787
python manage.py pagerduty test
python manage.py runserver                              # then open /orders/7/, and see the one page
gunicorn --workers 2 shop.wsgi                          # or as in production
"""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    execute_from_command_line(sys.argv)
