from pathlib import Path


def pay(customer: str) -> None:
    raise ValueError("boom")


def ship(customer: str) -> None:
    raise LookupError("no stock")


def mend(customer: str) -> None:
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")


def heal(customer: str) -> None:
    if not Path("healed").exists():
        Path("healed").touch()
        raise RuntimeError("for the first time")


def late(customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


def send(*names: str) -> None:
    import django

    django.setup()
    from django_q.tasks import async_task

    for name in names:
        # They must page for the first try.
        async_task(f"django_q_tasks.{name}", "CUST4711", ack_failure=name in ("heal", "late"))
