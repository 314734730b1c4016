import os

from django.core.asgi import get_asgi_application

from pagerduty_logging.integrations.asgi import PagerDutyMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = PagerDutyMiddleware(get_asgi_application())
