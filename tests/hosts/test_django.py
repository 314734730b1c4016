"""A real Django project, as a user starts it: its failures page once, its checks find what cannot page."""

import logging
import re
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.pages import Pager, paging
from tests.state.servers import running

from .web_servers import copied, pages, serving, settings_for

django = pytest.importorskip("django")

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "examples" / "django_project" / "README.md"]


# --- failing views, under servers ---------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copied("django_project", tmp_path)


@pytest.mark.parametrize(
    ("command", "end", "status"),
    [
        ("manage.py runserver --noreload {port}", signal.SIGINT, 0),
        (
            "-m gunicorn --workers 2 --graceful-timeout 10 --bind 127.0.0.1:{port} shop.wsgi",
            signal.SIGTERM,
            0,
        ),
        ("-m uvicorn --port {port} shop.asgi:application", signal.SIGTERM, -signal.SIGTERM),
    ],
    ids=["runserver", "gunicorn", "uvicorn"],
)
def test_each_failure_pages_once(
    sandbox: Sandbox, project: Path, command: str, end: signal.Signals, status: int
):
    pytest.importorskip(command.split()[1] if command.startswith("-m") else "django")
    with serving(command, project, sandbox) as server:
        sandbox.fail_next(503)  # so that something is pending as the server stops
        assert server.get("/orders/7/?token=hush&page=2") == 500
        assert server.get("/stock/pears/") == 500
        assert server.get("/report/") == 500
        assert server.get("/nothing/") == 404
        assert server.get("/", Host="scanner.example.com") == 400
        assert server.stop(end) == status
    assert pages(sandbox) == {
        "Internal Server Error: /orders/7/ in views.order: LookupError: there is no order 7": {
            "method": "GET",
            "path": "/orders/7/",
            "query_names": "token, page",
            "route": "orders/<int:number>/",
            "view": "shop.views.order",
            "status": 500,
        },
        "the stock of pears cannot be told: OSError: the shelf of pears does not answer": {
            "method": "GET",
            "path": "/stock/pears/",
            "route": "stock/<slug:fruit>/",
            "view": "shop.views.stock",
        },
        "Internal Server Error: /report/": {
            "method": "GET",
            "path": "/report/",
            "route": "report/",
            "view": "shop.views.report",
            "status": 500,
        },
    }


@pytest.mark.parametrize("page", PAGES, ids=["the front page", "the page for Django"])
def test_a_newcomer_who_follows_the_readme_sees_one_page(page: Path, sandbox: Sandbox, tmp_path: Path):
    block = re.search(
        r"^```python\n(LOGGING.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert block is not None
    command = [sys.executable, "-m", "django", "startproject", "site_of_mine", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    with (tmp_path / "site_of_mine" / "settings.py").open("a") as settings:
        settings.write(block[1])
    (tmp_path / "site_of_mine" / "urls.py").write_text(
        "from django.urls import path\nurlpatterns = [path('break/', lambda request: 1 / 0)]\n"
    )
    with serving("manage.py runserver --noreload {port}", tmp_path, sandbox) as server:
        assert server.get("/break/") == 500
        sandbox.wait_for(1, timeout=60)
        assert server.stop(signal.SIGINT) == 0
    assert list(pages(sandbox)) == [
        "Internal Server Error: /break/ in urls.<lambda>: ZeroDivisionError: division by zero"
    ]


# --- what the page shows of a request -----------------------------------------------------------------


@pytest.fixture(scope="module")
def pagerduty() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def _mail_settings(backend: str) -> dict[str, Any]:
    return (
        {"MAILERS": {"default": {"BACKEND": backend}}}
        if django.VERSION >= (6, 1)
        else {"EMAIL_BACKEND": backend}
    )


@pytest.fixture(scope="module")
def users() -> Any:
    """Return Django's model of users, with one user of it in a database in memory."""
    from django.conf import settings

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        SECRET_KEY="only-for-the-tests",
        ROOT_URLCONF="django.contrib.auth.urls",
        LOGGING_CONFIG=None,
        ADMINS=["ada@example.com"] if django.VERSION >= (6, 0) else [("Ada", "ada@example.com")],
        **_mail_settings("django.core.mail.backends.locmem.EmailBackend"),
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("grace", "grace@example.com", "hush")
    return get_user_model()


@pytest.fixture
def request_of_grace(users: Any) -> Any:
    """A request whose session says who is logged in, as the middleware leaves it: nothing loaded yet."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.middleware import AuthenticationMiddleware
    from django.contrib.sessions.backends.db import SessionStore
    from django.http import HttpResponse
    from django.test import RequestFactory

    grace = users.objects.get(username="grace")
    session = SessionStore()
    session[SESSION_KEY] = str(grace.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = grace.get_session_auth_hash()
    session.save()
    request = RequestFactory().post("/orders/7/?token=hush", {"card": "hush"}, HTTP_COOKIE="sessionid=hush")
    request.session = SessionStore(session.session_key)
    AuthenticationMiddleware(lambda request: HttpResponse()).process_request(request)
    return request


@pytest.fixture
def pager(pagerduty: Sandbox) -> Iterator[Pager]:
    with paging(pagerduty) as pager:
        yield pager


def shown(pager: Pager, request: Any) -> dict[str, Any]:
    """Return what the page shows of a request that fails while the database takes no query."""
    from django.db import connection

    def refuse(*query: object) -> None:
        raise AssertionError("a page has queried the database")

    with connection.execute_wrapper(refuse):
        pager.logger.error("it broke", extra={"request": request, "status_code": 500})
    details = pager.details
    assert "hush" not in str(details)
    assert "grace" not in str(details)
    assert "defects" not in details
    return dict(details["request"])


SHOWN = {"method": "POST", "path": "/orders/7/", "query_names": "token", "status": 500}


def test_nobody_is_loaded_for_a_page(pager: Pager, request_of_grace: Any):
    assert shown(pager, request_of_grace) == SHOWN


def test_the_id_of_a_user_who_is_loaded_is_shown(pager: Pager, request_of_grace: Any):
    assert request_of_grace.user.is_authenticated
    assert shown(pager, request_of_grace) == {**SHOWN, "user_id": 1}


def test_the_id_in_a_session_that_is_loaded_is_shown(pager: Pager, request_of_grace: Any):
    request_of_grace.session.get("cart")
    assert shown(pager, request_of_grace) == {**SHOWN, "user_id": "1"}


def test_nobody_in_particular_has_no_id(pager: Pager, request_of_grace: Any):
    from django.contrib.auth.models import AnonymousUser

    request_of_grace.user = AnonymousUser()
    assert shown(pager, request_of_grace) == SHOWN


def test_the_admins_get_their_mail_too(pager: Pager, request_of_grace: Any):
    from django.core import mail
    from django.utils.log import AdminEmailHandler

    mail.outbox = []
    pager.logger.addHandler(AdminEmailHandler())
    pager.logger.error("it broke", extra={"request": request_of_grace, "status_code": 500})
    assert pager.summary == "it broke"
    assert len(mail.outbox) == 1


def test_rest_framework_pages_once_for_each_view_that_fails(pager: Pager, users: Any):
    pytest.importorskip("rest_framework")
    from django.test import override_settings
    from django.urls import path
    from rest_framework.response import Response
    from rest_framework.test import APIClient
    from rest_framework.views import APIView

    class Order(APIView):
        def post(self, request: Any, number: int) -> Any:
            pager.logger.error("order %s is odd", number, extra={"request": request})
            raise LookupError(f"there is no order {number}")

    class Stock(APIView):
        def get(self, request: Any) -> Any:
            return Response({"detail": "the shelf does not answer"}, status=500)

    class Closed(APIView):
        def get(self, request: Any) -> Any:
            self.permission_denied(request)

    urls = (path("orders/<int:number>/", Order.as_view()), path("stock/", Stock.as_view()))
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(users.objects.get(username="grace"))
    log = logging.getLogger("django.request")
    log.addHandler(pager.handler)
    try:
        with override_settings(ROOT_URLCONF=(*urls, path("closed/", Closed.as_view()))):
            for number in (7, 8):
                assert client.post(f"/orders/{number}/?token=hush", {"card": "hush"}).status_code == 500
                assert client.get("/stock/").status_code == 500
            assert client.get("/closed/").status_code == 403
    finally:
        log.removeHandler(pager.handler)
    order = {
        "method": "POST",
        "path": "/orders/7/",
        "query_names": "token",
        "route": "orders/<int:number>/",
        "view": f"{__name__}.Order",
        "user_id": 1,
    }
    stock = {"method": "GET", "path": "/stock/", "route": "stock/", "view": f"{__name__}.Stock", "user_id": 1}
    told = [event["payload"] for event in pager.events]
    assert {payload["summary"]: payload["custom_details"]["request"] for payload in told} == {
        "order 7 is odd": order,
        "Internal Server Error: /orders/7/ in test_django.post: LookupError: there is no order 7": {
            **order,
            "status": 500,
        },
        "Internal Server Error: /stock/": {**stock, "status": 500},
    }
    assert len(told) == 3
    assert "hush" not in str(told)


# --- the checks and the command -----------------------------------------------------------------------


def manage(project: Path, sandbox: Sandbox, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=project,
        env={**settings_for(sandbox), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def warnings_about(project: Path, sandbox: Sandbox, changes: str, **more: str) -> dict[str, str]:
    """Return the warnings of `check --deploy` by id, after changes to the project's settings."""
    changed = f"from shop.settings import *\n{textwrap.dedent(changes)}\n"
    (project / "changed.py").write_text(changed)
    arguments = ("check", "--deploy", "--tag", "pagerduty_logging", "--settings", "changed")
    said = manage(project, sandbox, *arguments, **more).stderr
    return dict(re.findall(r"^\?: \(pagerduty_logging\.(\w+)\) (.*)$", said, re.MULTILINE))


def test_what_pages_gets_no_warning(project: Path, sandbox: Sandbox):
    assert warnings_about(project, sandbox, "") == {}


@pytest.mark.parametrize(
    ("changes", "number", "says"),
    [
        ('LOGGING["root"]["handlers"] = ["console"]', "W001", "'pagerduty' of LOGGING"),
        ("LOGGING = {}", "W001", "no logger has a PagerDutyHandler"),
        ("LOGGING = None", "W001", "no logger has a PagerDutyHandler"),
        ('LOGGING["handlers"]["pagerduty"]["enabled"] = False', "W002", "'pagerduty' pages nothing"),
        (
            """
            LOGGING["filters"] = {"debug": {"()": "django.utils.log.RequireDebugTrue"}}
            LOGGING["handlers"]["pagerduty"]["filters"] = ["debug"]
            """,
            "W003",
            "RequireDebugTrue",
        ),
        (
            'LOGGING["loggers"] = {"django": {"handlers": ["console"], "propagate": False}}',
            "W004",
            "'django.request' reach no PagerDutyHandler: propagate is off at 'django'",
        ),
        ('LOGGING["loggers"] = {"django": {"level": "CRITICAL"}}', "W004", "its level is CRITICAL"),
        ('LOGGING["handlers"]["pagerduty"]["level"] = "CRITICAL"', "W004", "handler's level is CRITICAL"),
        ('LOGGING["disable_existing_loggers"] = True', "W004", "it is disabled"),
        (
            """
            import logging
            logging.getLogger("early")
            LOGGING["disable_existing_loggers"] = True
            LOGGING["loggers"] = {"django": {}}
            """,
            "W005",
            "early",
        ),
        (
            """
            LOGGING = {"version": 1, "root": {"handlers": []}}
            import logging
            from pagerduty_logging import PagerDutyHandler
            handler = PagerDutyHandler()
            logging.getLogger().addHandler(handler)
            """,
            "W007",
            "because of logging.config.dictConfig(), called at",
        ),
        (
            'LOGGING["loggers"] = {"shop": {"handlers": ["console"], "propagate": False}}',
            "W006",
            "shop (propagate is off at 'shop')",
        ),
    ],
)
def test_what_cannot_page_gets_a_warning(
    project: Path, sandbox: Sandbox, changes: str, number: str, says: str
):
    assert says in warnings_about(project, sandbox, changes)[number]


def test_a_handler_without_a_key_gets_a_warning_and_nothing_is_said_without_deploy(
    project: Path, sandbox: Sandbox
):
    assert "no routing key" in warnings_about(project, sandbox, "", PAGERDUTY_ROUTING_KEY="")["W002"]
    said = manage(project, sandbox, "check", PAGERDUTY_ROUTING_KEY="")
    assert said.returncode == 0
    assert "no issues" in said.stdout


def test_the_command_checks_the_way_without_paging(project: Path, sandbox: Sandbox):
    said = manage(project, sandbox, "pagerduty", "check")
    assert said.returncode == 0, said.stderr
    assert "pagerduty: level ERROR, attached to root" in said.stdout
    assert f"{sandbox.url} is reached" in said.stdout
    assert "Errors page." in said.stdout
    assert not sandbox.alerts


def test_the_command_says_why_errors_do_not_page(project: Path, sandbox: Sandbox):
    keyless = manage(project, sandbox, "pagerduty", "check", PAGERDUTY_ROUTING_KEY="")
    assert keyless.returncode == 1
    assert "it has no routing key" in keyless.stderr
    sandbox.stop()
    unreached = manage(project, sandbox, "pagerduty", "check")
    assert unreached.returncode == 1
    assert "refused" in unreached.stderr


def test_the_command_tries_the_state_and_says_what_is_wrong_without_a_password(
    project: Path, sandbox: Sandbox, tmp_path: Path
):
    fine = manage(project, sandbox, "pagerduty", "check", PAGERDUTY_STATE=str(tmp_path / "state.sqlite"))
    assert fine.returncode == 0, fine.stderr
    assert "state.sqlite answers" in fine.stdout
    with running(tmp_path, "--requirepass", "right") as server:
        url = f"redis://:wrong-one@127.0.0.1:{server.port}/0"
        refused = manage(project, sandbox, "pagerduty", "check", PAGERDUTY_STATE=url)
    assert refused.returncode == 1
    assert "refuses the user name or password" in refused.stderr
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"redis://:wrong-one@127.0.0.1:{listener.getsockname()[1]}/0"
        hung = manage(project, sandbox, "pagerduty", "check", PAGERDUTY_STATE=url)
    assert hung.returncode == 1
    assert "does not answer in time" in hung.stderr
    said = refused.stdout + refused.stderr + hung.stdout + hung.stderr
    assert "wrong-one" not in said
    assert "Traceback" not in said


def test_the_command_pages_a_test_and_resolves_it(project: Path, sandbox: Sandbox):
    said = manage(project, sandbox, "pagerduty", "test")
    assert said.returncode == 0, said.stderr
    assert "delivered, and resolved" in said.stdout
    (alert,) = sandbox.alerts
    assert alert.state == "resolved"
    assert "nothing is broken" in alert.summary


@pytest.mark.parametrize(
    ("changes", "refusal", "says"),
    [
        ('"ignore_loggers": ["django.*"]', None, "kept back by the handler's own rules"),
        ('"flush_timeout": 0.0', 503, "not delivered after 3 s: PagerDuty failed with 503"),
    ],
    ids=["kept back", "late"],
)
def test_the_commands_test_says_why_it_did_not_arrive(
    project: Path, sandbox: Sandbox, changes: str, refusal: int | None, says: str
):
    changed = f'LOGGING["handlers"]["pagerduty"] |= {{{changes}}}'
    (project / "changed.py").write_text(f"from shop.settings import *\n{changed}\n")
    if refusal is not None:
        sandbox.fail_share(refusal, 1)
    said = manage(project, sandbox, "pagerduty", "test", "--timeout", "3", "--settings", "changed")
    assert said.returncode == 1
    assert says in said.stderr
