"""What is declared of datasets, from one object of the bucket."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from medical_data_pipeline.adapters.local.yaml_datasets import load_datasets
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.ports import ObjectStore


def declared_datasets(store: ObjectStore, bucket: str, key: str, scratch: Path) -> Mapping[str, Dataset]:
    """The datasets by table; none where there is no key.

    Raises:
        SettingsError: what is declared contradicts itself.
        ObjectNotFound: there is no such object.
    """
    if not key:
        return {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / Path(key).name
        with store.open(ObjectRef(bucket, key)) as content:
            path.write_bytes(content.read())
        return load_datasets(path)
