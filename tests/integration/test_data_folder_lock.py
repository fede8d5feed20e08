"""Two processes never work on one data folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from medical_data_pipeline.composition.local import LocalPipeline, LocalSettings, open_local
from medical_data_pipeline.errors import SettingsError


def opened(folder: Path) -> LocalPipeline:
    settings = LocalSettings(query_workers=1)
    return open_local(folder, settings, lambda: datetime.now(UTC), lambda happening: None)


def test_a_second_server_on_the_same_folder_refuses_to_start_until_the_first_has_ended(
    tmp_path: Path,
) -> None:
    first = opened(tmp_path)

    with pytest.raises(SettingsError, match="using this data folder"):
        opened(tmp_path)

    first.stop(5)
    opened(tmp_path).stop(5)
