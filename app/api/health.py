"""Whether the server is alive, and whether it is ready for work."""

import asyncio
import logging

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from . import route_docs
from .context import Server

logger = logging.getLogger(__name__)

router = APIRouter(tags=["health"])


@router.head("/health", include_in_schema=False)
@router.get("/health", include_in_schema=False)
@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive: the process answers."""
    return {"status": "ok"}


@router.get("/metrics", response_model=None, **route_docs.METRICS)
async def metrics(server: Server) -> Response:
    """What happened so far, for Prometheus."""
    server.sample()
    page = await asyncio.to_thread(server.metrics.page)
    return Response(page, media_type=server.metrics.media_type)


@router.get("/readyz", response_model=None, **route_docs.NOT_READY)
async def readyz(server: Server) -> Response:
    """Ready: new runs are taken, and conversations can be read. A journal that cannot be written
    does not stop the work: streams go on from memory, and `degraded` says so. Nor does a model
    whose provider fails: every process has the same one, and only requests find out that it is
    back. Nor do toolkits that are not connected: they are connected again when they are needed."""
    checks = {"runs": "ok" if server.runs.accepting else "stopping"}
    try:
        await server.conversations.check()
        checks["conversations"] = "ok"
    except Exception:
        logger.exception("readyz: the conversations cannot be read")
        checks["conversations"] = "cannot be read"
    ready = all(state == "ok" for state in checks.values())
    trouble = server.runs.trouble
    checks["journal"] = "ok" if trouble is None else "cannot be written; kept in memory"
    refused = server.upstreams.open
    checks["models"] = f"not asked, after failures: {', '.join(refused)}" if refused else "ok"
    lost = server.connections.trouble
    checks["tools"] = f"not connected: {', '.join(lost)}" if lost else "ok"
    worse = trouble is not None or bool(refused) or bool(lost)
    status = "not ready" if not ready else "degraded" if worse else "ready"
    return JSONResponse({"status": status, "checks": checks}, 200 if ready else 503)
