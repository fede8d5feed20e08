"""Who sends a request: a bearer token, checked before anything else of the request is read."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from medical_data_pipeline.http_api.problem import CHALLENGE, RequestProblem
from medical_data_pipeline.http_api.services import Services
from medical_data_pipeline.model.query import Actor

_bearer = HTTPBearer(scheme_name="token", description="The token of `mdp serve`", auto_error=False)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def credentials_of(request: Request) -> HTTPAuthorizationCredentials | None:
    """The bearer token sent with the request."""
    return await _bearer(request)


async def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - tells the type checker, nobody else
    return services


ServicesHere = Annotated[Services, Depends(services_of)]


async def authenticated(request: Request, credentials: Credentials, services: ServicesHere) -> Actor:
    """Raises: RequestProblem, 401."""
    actor = _actor(request, credentials, services)
    if actor is None:
        raise RequestProblem(401, "UNAUTHENTICATED", "a valid bearer token is needed", headers=CHALLENGE)
    return actor


async def authenticated_if_able(
    request: Request, credentials: Credentials, services: ServicesHere
) -> Actor | None:
    return _actor(request, credentials, services)


def _actor(
    request: Request, credentials: HTTPAuthorizationCredentials | None, services: Services
) -> Actor | None:
    if services.identify is not None:
        return services.identify(request.scope)
    if credentials is None or credentials.scheme.lower() != "bearer":
        return None
    return services.tokens.actor_for(credentials.credentials)


ActorHere = Annotated[Actor, Depends(authenticated)]
ActorIfAny = Annotated[Actor | None, Depends(authenticated_if_able)]
