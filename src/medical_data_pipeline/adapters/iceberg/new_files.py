"""The files that a commit adds: as they were converted, or of a shared one only the rows it shall show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.typedef import Record

from medical_data_pipeline.adapters.iceberg.contents import FileContents, LoadLists, load_alone
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

    def of(self, added: Sequence[Manifest], target: Target) -> list[NewFile]:
        """The files of the loads; each once, however many of them share it."""
        sharing: dict[str, list[tuple[Manifest, DataFile]]] = {}
        for manifest in added:
            for file in manifest.data_files:
                sharing.setdefault(file.key, []).append((manifest, file))
        return [self._new_file(key, found, target) for key, found in sharing.items()]

    def not_overtaken(
        self, new: Sequence[NewFile], plan: CommitPlan, contents: Mapping[str, FileContents], target: Target
    ) -> list[NewFile]:
        """The files of a load that came late, without the rows whose key a newer load has."""
        (late,) = plan.added
        holding = [location for location, content in contents.items() if plan.newer & content.loads.keys()]
        taken = Taken(late.upsert_key, holding, plan.newer)
        kept = []
        for file in new:
            rest = self.rewriter.without_keys(file.location, target, {late.load_id: late.sequencer}, taken)
            if rest is None:
                kept.append(file)
            elif rest.rows:
                kept.append(NewFile(rest.location, file.partition))
        return kept

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
