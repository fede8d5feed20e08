"""Large files handed over to the Spark job, which converts them by the same stages on larger machines."""

from dataclasses import dataclass

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated


@dataclass(frozen=True)
class GlueJob:
    """The job by its name; it is given the id of a load and finds the rest in the ledger."""

    client: Client
    name: str

    def start(self, load_id: str) -> None:
        """Begin one run. A second one for the same load makes the same files under the same names.

        Raises:
            BackendUnavailable: too many runs at once, or the outcome is unknown; call again later.
        """
        with translated():
            self.client.start_job_run(JobName=self.name, Arguments={"--LOAD_ID": load_id})
