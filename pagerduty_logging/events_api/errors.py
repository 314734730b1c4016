"""The errors between a program and PagerDuty, as one tree.

EventsError                  everything below
├── NetworkError             no answer: DNS, TCP, TLS, proxy, timeout
└── ApiError                 an answer that is not an acceptance (anything but 202)
    ├── BadRequest           400, 413, 422: this event will never be accepted as it stands
    ├── RateLimited          429: not accepted now, but later
    └── ServerError          5xx: a failure of PagerDuty, later it may work

Source: the table "API Response Codes & Retry Logic" of PagerDuty's OpenAPI document of the Events API;
413 and 422 come from servers in front of it, for events that are too large or unreadable.
"""

from __future__ import annotations


class EventsError(Exception):
    """An event was not accepted.

    Attributes:
        retryable: whether sending the same event again later may succeed.
        status: the HTTP status, or None if there was no answer.
        body: the answer's body as text (from the first 64 KB of the answer), or "".
        retry_after: seconds that the server asks to wait, from 1 to 300, or None.
    """

    retryable = True
    status: int | None = None
    body = ""
    retry_after: float | None = None


class NetworkError(EventsError):
    """There was no answer, because of DNS, TCP, TLS, the proxy or the time limit."""


class ApiError(EventsError):
    """There was an answer other than PagerDuty's acceptance.

    This class itself is raised for answers that the Events API does not document (a redirect, a proxy's 403,
    the 200 of a captive portal): PagerDuty has not decided about the event, so it may be sent again.
    """

    status: int

    # Every argument but the message has a default: unpickling calls the class with the message alone.
    def __init__(
        self, message: str, *, status: int = 0, body: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.retry_after = retry_after


class BadRequest(ApiError):
    """The event was refused (400, 413, 422), and will never be accepted unchanged.

    Attributes:
        errors: PagerDuty's list of what is wrong with it.
    """

    retryable = False

    def __init__(
        self, message: str, *, status: int = 400, body: str = "", errors: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, status=status, body=body)
        self.errors = errors


class RateLimited(ApiError):
    """Too many events for this routing key (429): the event was not accepted."""


class ServerError(ApiError):
    """PagerDuty could not process the event (5xx)."""
