"""The OpenAPI document: complete, and what the application itself checks requests against."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

from medical_data_pipeline.http_api.documents import NewQuery
from medical_data_pipeline.http_api.problem import Problem, invalid_parameter

_REF = "#/components/schemas/{model}"
_METHODS = ("get", "put", "post", "delete")
DESCRIPTION = """Medical CSV files in, SQL out. Every route but `/health` and this document needs a bearer
token; on AWS every route needs a signature (SigV4), or a token of its user pool.
Errors are RFC 9457 problems with a stable `code`."""


@dataclass(frozen=True)
class Operation:
    """One method of one path: the query parameters it knows."""

    method: str
    path: re.Pattern[str]
    query_parameters: frozenset[str]


def openapi_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document["components"]["schemas"]
    for model in (Problem, NewQuery):
        schemas.update(_schemas(model))
    # FastAPI's own idea of a validation error, which never leaves this application.
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for operation in _operations(document):
        answers = operation["responses"]
        if "HTTPValidationError" in str(answers.get("422")):
            del answers["422"]
    return document


def operations(routes: Iterable[APIRoute]) -> tuple[Operation, ...]:
    """Of the routes themselves: a cold start on AWS does not wait for the document, which few ask for."""
    return tuple(
        Operation(method, _path_pattern(route.path_format), _query_parameters(route.dependant))
        for route in routes
        for method in route.methods or ()
    )


def _operations(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    paths = document["paths"].values()
    return [item[method] for item in paths for method in _METHODS if method in item]


def _schemas(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template=_REF)
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _path_pattern(path: str) -> re.Pattern[str]:
    # Only an object's key may hold slashes.
    parts = re.split(r"(\{\w+\})", path)
    patterns = [
        (".+" if part == "{key}" else "[^/]+") if part.startswith("{") else re.escape(part) for part in parts
    ]
    return re.compile("".join(patterns), re.DOTALL)


def _query_parameters(dependant: Dependant) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*map(_query_parameters, dependant.dependencies))


async def require_known_parameters(request: Request) -> None:
    """A misspelt parameter must not be ignored: the answer would be to another question."""
    if not request.scope["query_string"]:
        return
    known = next(
        (each.query_parameters for each in matching(request) if each.method == request.method), frozenset()
    )
    names = [name for name, _ in request.query_params.multi_items()]
    if not known.issuperset(names):
        listed = ", ".join(sorted(known)) or "none"
        raise invalid_parameter("query", f"there is a parameter that is not known here; known are: {listed}")
    if len(names) != len(set(names)):
        raise invalid_parameter("query", "a parameter is there twice")


KNOWN_PARAMETERS = [Depends(require_known_parameters)]
"""What every router depends on. Not the application: FastAPI would then build each route a second time."""


def matching(request: Request) -> list[Operation]:
    """The operations on the request's path, whatever their method."""
    path: Any = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return [each for each in request.app.state.operations if each.path.fullmatch(path)]
