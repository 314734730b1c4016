from pathlib import Path


def pay(customer: str) -> None:
    raise ValueError("boom")


def ship(customer: str) -> None:
    raise LookupError("no stock")


def mend(customer: str) -> None:
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")


def late(customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


def send(*names: str) -> None:
    import django

    django.setup()
    from django_q.tasks import async_task

    for name in names:
        # The last page must come of the first try: the worker is told to stop at once.
        async_task(f"django_q_tasks.{name}", "CUST4711", ack_failure=name == "late")
