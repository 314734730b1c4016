def send(*names: str) -> None:
    import django

    django.setup()
    from django_q.tasks import async_task

    for name in names:
        # They must page for the first try.
        async_task(f"failing.{name}", "CUST4711", ack_failure=name in ("heal", "late"))
