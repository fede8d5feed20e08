"""The files that a commit adds: as they were converted, or of a shared one only the rows it shall show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.manifest import DataFile as TableFile
from pyiceberg.typedef import Record

from medical_data_pipeline.adapters.iceberg.contents import LoadLists, load_alone
from medical_data_pipeline.adapters.iceberg.data_files import NewFile
from medical_data_pipeline.adapters.iceberg.file_rewriter import FileRewriter, Taken, Target
from medical_data_pipeline.adapters.iceberg.warehouse_files import WarehouseFiles
from medical_data_pipeline.model.commit_plan import CommitPlan
from medical_data_pipeline.model.load import DataFile, Manifest


@dataclass(frozen=True)
class NewFiles:
    """Finds them, and says beside those of several loads whose rows they hold."""

    files: WarehouseFiles
    lists: LoadLists
    rewriter: FileRewriter
    # A function's disk holds them beside the file that is written anew.
    at_once_bytes: int = 128 << 20

    def of(self, added: Sequence[Manifest], target: Target) -> list[NewFile]:
        """The files of the loads; each once, however many of them share it."""
        sharing: dict[str, list[tuple[Manifest, DataFile]]] = {}
        for manifest in added:
            for file in manifest.data_files:
                sharing.setdefault(file.key, []).append((manifest, file))
        return [self._new_file(key, found, target) for key, found in sharing.items()]

    def not_overtaken(
        self, new: Sequence[NewFile], plan: CommitPlan, holding: Sequence[TableFile], target: Target
    ) -> list[NewFile]:
        """The files of a load that came late, without the rows whose key a newer load has.

        `holding` are the files with rows of newer loads.
        """
        (late,) = plan.added
        takers = [Taken(late.upsert_key, part, plan.newer) for part in _parts(holding, self.at_once_bytes)]
        rests = (self._rest(file, {late.load_id: late.sequencer}, takers, target) for file in new)
        return [rest for rest in rests if rest is not None]

    def _rest(
        self, file: NewFile, loads: Mapping[str, str], takers: Sequence[Taken], target: Target
    ) -> NewFile | None:
        """What nobody takes of a file; None when that is nothing."""
        for taken in takers:
            rest = self.rewriter.without_keys(file.location, target, loads, taken)
            if rest is not None and not rest.rows:
                return None
            file = NewFile(rest.location, file.partition) if rest else file
        return file

    def _new_file(self, key: str, found: Sequence[tuple[Manifest, DataFile]], target: Target) -> NewFile:
        location = self.files.location(key)
        if load_alone(location) is None:
            loads = {manifest.load_id: manifest.sequencer for manifest, _ in found}
            if self.files.footer(location).num_rows == sum(file.rows for _, file in found):
                self.lists.write(location, loads)
            else:
                # Others that share it came too late, or were overtaken since.
                location = self.rewriter.without_loads(location, target, loads).location
        return NewFile(location, Record(*found[0][1].partition))


def _parts(files: Sequence[TableFile], at_once_bytes: int) -> list[list[str]]:
    """Where the files are, in parts of so many bytes, or of one file that has more."""
    parts: list[list[str]] = []
    room = 0
    for file in files:
        if file.file_size_in_bytes > room:
            parts.append([])
            room = at_once_bytes
        parts[-1].append(file.file_path)
        room -= file.file_size_in_bytes
    return parts
