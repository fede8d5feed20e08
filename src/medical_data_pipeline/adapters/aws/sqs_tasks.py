"""Tasks put into a queue, for the function that reads it."""

from dataclasses import dataclass

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.adapters.aws.events import Task, task_body


@dataclass(frozen=True)
class SqsTasks:
    """One queue."""

    client: Client
    queue_url: str

    def send(self, task: Task) -> None:
        """Raises: BackendUnavailable: it may be in the queue or not; a task may be done twice."""
        with translated():
            self.client.send_message(QueueUrl=self.queue_url, MessageBody=task_body(task))
