"""The manifests of loads in a table, looked up where a data file does not say how new its rows are."""

from dataclasses import dataclass

from medical_data_pipeline.adapters.iceberg.warehouse_files import WarehouseFiles
from medical_data_pipeline.errors import BackendUnavailable, ObjectNotFound
from medical_data_pipeline.model.keys import MANIFEST, manifest_key, together_prefixes
from medical_data_pipeline.model.load import Manifest
from medical_data_pipeline.model.manifest_json import parse_manifests
from medical_data_pipeline.model.objects import is_older


@dataclass(frozen=True)
class LoadManifests:
    """Reads them anew each time: few files were written by others, and only those have to ask."""

    files: WarehouseFiles

    def sequencer(self, table: str, load_id: str) -> str:
        """Raises: BackendUnavailable: the load's manifest is gone."""
        base = table.removesuffix("__quarantine")
        found = self._at(self.files.location(manifest_key(base, load_id))) or self._together(base)
        newest = ""
        for manifest in found:
            if manifest.load_id == load_id and is_older(newest, manifest.sequencer):
                newest = manifest.sequencer
        if not newest:
            raise BackendUnavailable("the manifest of a load in the table is gone")
        return newest

    def _together(self, table: str) -> list[Manifest]:
        """Of loads that were converted with others, in places that are not named after them."""
        listed = self.files.list(together_prefixes(table))
        return [m for file in listed if file.location.endswith(MANIFEST) for m in self._at(file.location)]

    def _at(self, location: str) -> tuple[Manifest, ...]:
        try:
            with self.files.open(location) as file:
                return parse_manifests(file.read())
        except ObjectNotFound:
            return ()
