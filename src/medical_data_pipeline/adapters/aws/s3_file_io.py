"""PyIceberg's file access over our own S3 client: one set of retries and errors for everything."""

import base64
import hashlib
import io

from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.glue_tables import object_at
from medical_data_pipeline.adapters.aws.s3_download import download
from medical_data_pipeline.errors import ObjectNotFound


class S3FileIO(FileIO):
    """Metadata and manifests, which are small enough to be read and written whole."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def new_input(self, location: str) -> InputFile:
        return _S3InputFile(self._client, location)

    def new_output(self, location: str) -> OutputFile:
        return _S3OutputFile(self._client, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Nothing is deleted here.

        PyIceberg removes the manifests of a commit that Glue refused. After an answer that got lost, the
        repeated call is refused too, and those manifests are the table's. The sweep removes what is nobody's.
        """


class _S3InputFile(InputFile):
    def __init__(self, client: Client, location: str) -> None:
        super().__init__(location)
        self._client = client
        self._ref = object_at(location)

    def __len__(self) -> int:
        with translated():
            head = self._client.head_object(Bucket=self._ref.bucket, Key=self._ref.key)
        return int(head["ContentLength"])

    def exists(self) -> bool:
        try:
            len(self)
        except ObjectNotFound:
            return False
        return True

    def open(self, seekable: bool = True) -> InputStream:
        content = io.BytesIO()
        try:
            download(self._client, self._ref, content)
        except ObjectNotFound:
            raise FileNotFoundError("a file of the table's metadata is not there") from None
        content.seek(0)
        return content


class _S3OutputFile(OutputFile):
    def __init__(self, client: Client, location: str) -> None:
        super().__init__(location)
        self._client = client

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return _S3InputFile(self._client, self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        return _S3OutputStream(self._client, self.location, overwrite)


class _S3OutputStream(io.BytesIO):
    """What was written becomes an object when it is closed."""

    def __init__(self, client: Client, location: str, overwrite: bool) -> None:
        super().__init__()
        self._client = client
        self._target = object_at(location)
        self._condition = {} if overwrite else {"IfNoneMatch": "*"}

    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            self._put(content)

    def _put(self, content: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")
        target = {"Bucket": self._target.bucket, "Key": self._target.key}
        with translated():
            try:
                self._client.put_object(
                    **target,
                    Body=content,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=digest,
                    **self._condition,
                )
            except ClientError as error:
                if error_code(error) not in ("PreconditionFailed", "412"):
                    raise
                # Our own first try may have put it there before its answer got lost.
                present = self._client.head_object(**target, ChecksumMode="ENABLED")
                if present.get("ChecksumSHA256") != digest:
                    raise FileExistsError("another file has this name already") from None
