"""Views that fail, each in its own way."""

import logging

from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("pears and apples")


def order(request: HttpRequest, number: int) -> HttpResponse:
    raise LookupError(f"there is no order {number}")


def stock(request: HttpRequest, fruit: str) -> HttpResponse:
    try:
        raise OSError(f"the shelf of {fruit} does not answer")
    except OSError:
        logger.exception("the stock of %s cannot be told", fruit, extra={"request": request})
        raise  # and Django reports it again: still one page


def report(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no report today", status=500)
