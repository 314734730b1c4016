from datetime import timedelta

from airflow.sdk import DAG, task

from pagerduty_logging.integrations.airflow import callbacks

with DAG("billing", schedule=None, default_args=callbacks(), params={"customer": "CUST4711"}) as dag:

    @task
    def pay(customer: str) -> None:
        raise ValueError("boom")

    @task(retries=1, retry_delay=timedelta(0))
    def ship(customer: str) -> None:
        raise LookupError("no stock")

    @task
    def fine(customer: str) -> None:
        pass

    pay("CUST4711")
    ship("CUST4711")
    fine("CUST4711")

if __name__ == "__main__":
    dag.test()
