"""A Flask application whose failures page.

gunicorn --preload --workers 2 shop:app
"""

import logging.config
from pathlib import Path

from flask import Flask

from pagerduty_logging.integrations.wsgi import PagerDutyMiddleware

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "console": {"class": "logging.StreamHandler"},
            "pagerduty": {
                "class": "pagerduty_logging.PagerDutyHandler",
                "spool": Path(__file__).with_name("pages"),  # keeps pages over a restart in an outage
            },
        },
        "root": {"level": "INFO", "handlers": ["console", "pagerduty"]},
        "loggers": {"gunicorn.error": {"propagate": True}},  # gunicorn's own errors page too
    }
)

app = Flask(__name__)
app.wsgi_app = PagerDutyMiddleware(app.wsgi_app)  # type: ignore[method-assign]


@app.get("/")
def home() -> str:
    return "pears and apples"


@app.get("/orders/<int:number>")
def order(number: int) -> str:
    app.logger.info("order %s is asked for", number)
    raise LookupError(f"there is no order {number}")


@app.get("/stock/<fruit>")
def stock(fruit: str) -> str:
    try:
        raise OSError(f"the shelf of {fruit} does not answer")
    except OSError:
        app.logger.exception("the stock of %s cannot be told", fruit)
        raise  # and Flask reports it again: still one page
