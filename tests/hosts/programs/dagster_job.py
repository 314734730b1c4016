import os
from pathlib import Path

from dagster import DagsterInstance, OpExecutionContext, RetryPolicy, execute_job, job, op, reconstructable

from pagerduty_logging.integrations.dagster import resolve_on_success


@op(retry_policy=RetryPolicy(max_retries=1))
def pay() -> None:
    raise ValueError("boom")


@op
def ship(context: OpExecutionContext) -> None:
    context.log.error("no address for order 7")
    raise LookupError("no stock")


@op(retry_policy=RetryPolicy(max_retries=1))
def mend() -> None:
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")


@job(hooks={resolve_on_success})
def billing() -> None:
    pay()
    ship()
    mend()


SETTINGS = """
python_logs:
  dagster_handler_config:
    filters:
      steps: {"()": pagerduty_logging.integrations.dagster.StepDetails}
    handlers:
      pagerduty: {class: pagerduty_logging.PagerDutyHandler, filters: [steps]}
telemetry: {enabled: false}
"""

if __name__ == "__main__":
    home = Path(os.environ["DAGSTER_HOME"])
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(SETTINGS)
    with DagsterInstance.from_config(str(home)) as instance:
        execute_job(reconstructable(billing), instance=instance)
