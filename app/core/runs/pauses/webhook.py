"""The notice of a new paused run, sent to the address in `PAUSE_WEBHOOK`.

The headers and the signature are those of Standard Webhooks: `webhook-id`, `webhook-timestamp`, and
`webhook-signature`, which is `v1,` and the Base64 of an HMAC-SHA256 over `<id>.<timestamp>.<body>`.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from ...errors import ConfigurationError
from ...log.journal import RunRecord
from ..report import RunReport

logger = logging.getLogger(__name__)

#: Notices that wait to be sent; further ones are dropped, and logged.
QUEUE = 1000

#: Seconds before each further attempt, and for one attempt.
RETRY_DELAYS = (1.0, 4.0, 15.0, 60.0)
TIMEOUT = 10.0

#: Seconds for the notices that are left when the server stops.
DRAIN = 2.0


class Webhook:
    """An observer of runs that sends a signed notice of each paused one, apart from the run.

    `site` is the address at which people reach the server, with its path, empty if it is unknown.
    """

    def __init__(
        self, url: str, secret: str, delays: tuple[float, ...] = RETRY_DELAYS, *, site: str = ""
    ) -> None:
        self._url = url
        self._site = site
        self._secret = secret.encode()
        self._delays = delays
        self._notices: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE)

    def began(self, record: RunRecord) -> None:
        """Nothing is sent when a run begins."""

    def ended(self, report: RunReport) -> None:
        if not report.requirements:
            return
        record = report.record
        path = f"{urlsplit(self._site).path}/api/v1/runs/{record.run_id}/continue"
        notice = {
            "type": "run.paused",
            "timestamp": time.time(),
            "data": {
                "run_id": record.run_id,
                "conversation_id": record.conversation_id,
                "principal": record.principal,
                "agent": record.agent,
                "question": record.question,
                "requirements": report.requirements,
                "continue_path": path,
                **({"continue_url": urljoin(self._site, path)} if self._site else {}),
            },
        }
        try:
            self._notices.put_nowait((record.run_id, msgspec.json.encode(notice)))
        except asyncio.QueueFull:
            logger.error("run %s: PAUSE_WEBHOOK is too slow; no notice is sent", record.run_id)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send notices for as long as the context is open."""
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            task = asyncio.create_task(self._keep_sending(client), name="pause-webhook")
            try:
                yield
            finally:
                try:
                    async with asyncio.timeout(DRAIN):
                        await self._notices.join()
                except TimeoutError:
                    logger.error("PAUSE_WEBHOOK: %d notices are lost", self._notices.qsize() + 1)
                task.cancel()
                await asyncio.wait([task])

    async def _keep_sending(self, client: httpx.AsyncClient) -> None:
        while True:
            run_id, body = await self._notices.get()
            try:
                await self._send(client, run_id, body)
            finally:
                self._notices.task_done()

    async def _send(self, client: httpx.AsyncClient, run_id: str, body: bytes) -> None:
        """Send a notice, and try again if it is not accepted with a status of 2xx."""
        for delay in (*self._delays, None):
            try:
                response = await client.post(
                    self._url, content=body, headers=signed(self._secret, run_id, body)
                )
                if response.is_success:
                    return
                problem = f"status {response.status_code}"
            except httpx.HTTPError as error:
                problem = repr(error)
            if delay is None:
                logger.error("run %s: PAUSE_WEBHOOK failed: %s", run_id, problem)
            else:
                await asyncio.sleep(delay)


def open_webhook(url: str | None, secret: str | None, site: str = "") -> list[Webhook]:
    """The webhook at an address, or none; raises `ConfigurationError` if it cannot work."""
    if url is None:
        return []
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError("PAUSE_WEBHOOK: must be an http:// or https:// address")
    if secret is None:
        raise ConfigurationError("PAUSE_WEBHOOK_SECRET: is needed to sign notices; set it, too")
    return [Webhook(url, secret, site=site)]


def signed(secret: bytes, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a notice, whose id is that of the run."""
    now = str(int(time.time()))
    content = f"{message_id}.{now}.".encode() + body
    digest = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{digest}",
    }
