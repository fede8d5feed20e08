"""Which key each file of `mdp ingest` gets."""

from pathlib import Path

import pytest

from medical_data_pipeline.entrypoints.cli.ingest import SameKey, plan_uploads


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("labs.csv", "sub/labs.csv", ".hidden.csv", "sub/.git/labs.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("id\n1\n", encoding="utf-8")
    return tmp_path


def keys(paths: list[Path], table: str | None) -> list[str]:
    return [upload.key for upload in plan_uploads(paths, table)]


def test_a_file_below_a_given_folder_keeps_its_path_there(folder: Path) -> None:
    assert keys([folder], "same") == ["same/labs.csv", "same/sub/labs.csv"]
    assert keys([folder], None) == ["labs.csv", "sub/labs.csv"]


def test_a_given_file_has_its_name(folder: Path) -> None:
    assert keys([folder / "sub" / "labs.csv"], "t") == ["t/labs.csv"]
    assert keys([folder / ".hidden.csv"], "t") == ["t/.hidden.csv"]


def test_two_files_that_would_get_one_key_are_not_planned(folder: Path) -> None:
    with pytest.raises(SameKey, match=r"labs\.csv and .*sub/labs\.csv would both be t/labs\.csv"):
        plan_uploads([folder / "labs.csv", folder / "sub" / "labs.csv"], "t")


def test_a_file_that_is_given_twice_is_planned_once(folder: Path) -> None:
    assert keys([folder, folder / "labs.csv"], "t") == ["t/labs.csv", "t/sub/labs.csv"]
