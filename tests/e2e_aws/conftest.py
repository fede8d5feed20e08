"""Run by make e2e-aws, which says where the emulator is; the rest of the tests do without."""

import os
from collections.abc import Iterator, Mapping

import pytest

from tests.athena_double import AthenaDouble
from tests.e2e_aws.athena import Lake, athena
from tests.e2e_aws.callers import new_user
from tests.e2e_aws.deployed import Deployed
from tests.e2e_aws.emulator import Emulator
from tests.e2e_aws.functions import Functions, Surroundings
from tests.e2e_aws.installation import CATALOG, CONVERSION, QUERY, Installation, install
from tests.e2e_aws.role_sessions import RoleSessions
from tests.infrastructure.tools import ROOT

PROGRAM = os.environ.get("MDP_E2E_AWS")
collect_ignore_glob = [] if PROGRAM else ["test_*.py"]


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    folders = {CONVERSION: "conversion", CATALOG: "glue_catalog", QUERY: "query"}
    functions = Functions(folders, tmp_path_factory.mktemp("functions"))
    functions.start()
    yield functions
    functions.stop()


@pytest.fixture(scope="session")
def emulator(functions: Functions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(str(ROOT / str(PROGRAM)), tmp_path_factory.mktemp("emulator"), functions.urls())
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def sessions(emulator: Emulator) -> RoleSessions:
    return RoleSessions(emulator)


@pytest.fixture(scope="session")
def athena_double(functions: Functions, emulator: Emulator, sessions: RoleSessions) -> Iterator[AthenaDouble]:
    def key() -> Mapping[str, str]:
        functions_of_aws = emulator.client("lambda")
        return sessions.of(functions_of_aws.get_function_configuration(FunctionName=QUERY)["Role"])

    with athena(Lake(emulator, key)) as (double, address):
        functions.live_in(Surroundings(emulator, sessions, address))
        yield double


@pytest.fixture(scope="session")
def installation(
    emulator: Emulator, athena_double: AthenaDouble, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    return install(emulator, tmp_path_factory.mktemp("installation") / "root")


@pytest.fixture(scope="session")
def deployed(installation: Installation, functions: Functions, sessions: RoleSessions) -> Deployed:
    return Deployed(installation, functions, sessions, new_user(installation, "analyst", "*"))
