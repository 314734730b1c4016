"""A FastAPI application whose failures page.

uvicorn --workers 2 shop:app
"""

import logging.config
from pathlib import Path

from fastapi import FastAPI

from pagerduty_logging.integrations.asgi import PagerDutyMiddleware

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
        "loggers": {"uvicorn": {"propagate": True}},  # uvicorn reports what no view catches
    }
)

app = FastAPI()
app.add_middleware(PagerDutyMiddleware)
log = logging.getLogger("shop")


@app.get("/")
async def home() -> str:
    return "pears and apples"


@app.get("/orders/{number}")
async def order(number: int) -> str:
    log.info("order %s is asked for", number)
    raise LookupError(f"there is no order {number}")


@app.get("/orders/{number}/invoice")
async def invoice(number: int) -> str:
    raise ValueError("there is no printer")  # reported by the same line of uvicorn: another problem


@app.get("/stock/{fruit}")
def stock(fruit: str) -> str:  # without async: on a thread of its own
    try:
        raise OSError(f"the shelf of {fruit} does not answer")
    except OSError:
        log.exception("the stock of %s cannot be told", fruit)
        raise  # and uvicorn reports it again: still one page
