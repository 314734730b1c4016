import logging
import warnings
from contextlib import suppress

from prefect import flow, task

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.prefect import install

install(PagerDutyHandler())
attempts: list[str] = []


@task
def pay(customer: str) -> None:
    raise ValueError("boom")


@task(retries=1)
def tire(customer: str) -> None:
    raise LookupError("still nothing")


@task(retries=1)
def mend(customer: str) -> None:
    attempts.append(customer)
    if len(attempts) == 1:
        raise ConnectionError("once")


@task(retries=2, retry_condition_fn=lambda *_: False)
def unfit(customer: str) -> None:
    raise PermissionError("not tried again")


@flow
def billing(customer: str) -> None:
    mend(customer)
    pay(customer)


@flow
def tiring(customer: str) -> None:
    tire(customer)


@flow
def unfits(customer: str) -> None:
    unfit(customer)


@flow(retries=1)
def own(customer: str) -> None:
    raise OSError("of the flow's own")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for each in (billing, tiring, unfits, own):
        with suppress(Exception):
            each("CUST4711")
    logging.info("done")
