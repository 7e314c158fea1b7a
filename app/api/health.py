"""Health routes: liveness, readiness and metrics."""

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
@router.get("/healthz", summary="Liveness")
async def healthz() -> dict[str, str]:
    """Return 200 as long as the process can answer."""
    return {"status": "ok"}


@router.get("/metrics", summary="Metrics", response_model=None, **route_docs.METRICS)
async def metrics(server: Server) -> Response:
    """Return the server's metrics for Prometheus."""
    server.sample()
    page = await asyncio.to_thread(server.metrics.page)
    return Response(page, media_type=server.metrics.media_type)


@router.get("/readyz", summary="Readiness", response_model=None, **route_docs.NOT_READY)
async def readyz(server: Server) -> Response:
    """Return 200 if the server accepts runs and can read conversations, else 503.

    If the journal cannot be written, or a provider fails, the status is `degraded`, still with 200:
    streams continue from memory, and only further requests can show that a provider has recovered.
    Turns that cannot be stored yet degrade it, because they are kept in the journal until they can.
    Toolkits that are not connected degrade it, too; they are connected again when they are needed.
    """
    checks = {"runs": "ok" if server.runs.accepting else "stopping"}
    try:
        await server.conversations.check()
        checks["conversations"] = "ok"
    except Exception:
        logger.exception("readyz: the store of conversations cannot be read")
        checks["conversations"] = "the store cannot be read"
    ready = all(state == "ok" for state in checks.values())
    unstored = server.conversations.unstored
    if ready and unstored:
        checks["conversations"] = f"cannot be written; {unstored} turns are kept until they can"
    trouble = server.runs.trouble
    checks["journal"] = "ok" if trouble is None else "cannot be written; runs are kept in memory"
    paused = server.upstreams.open
    checks["models"] = f"paused after failures: {', '.join(paused)}" if paused else "ok"
    lost = server.connections.trouble
    checks["tools"] = f"not connected: {', '.join(lost)}" if lost else "ok"
    degraded = bool(unstored) or trouble is not None or bool(paused) or bool(lost)
    status = "not ready" if not ready else "degraded" if degraded else "ready"
    return JSONResponse({"status": status, "checks": checks}, 200 if ready else 503)
