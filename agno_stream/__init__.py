"""The client of agno-stream: streamed answers that survive lost connections."""

from agno_stream.async_client import AsyncChat, AsyncClient
from agno_stream.client import Chat, Client
from agno_stream.config import Config
from agno_stream.errors import (
    AgnoStreamError,
    AnswerFailed,
    AnswerStopped,
    AnswerTimeout,
    ConnectionLost,
    ForeignServer,
    NotAllowed,
    NotFound,
    Overloaded,
    RequestRefused,
    ServerUnreachable,
)
from agno_stream.types import (
    AgentInfo,
    Conversation,
    Exchange,
    Message,
    ModelInfo,
    ModelResponse,
    StreamChunk,
)
from agno_stream.version import __version__

__all__ = [
    "AgentInfo",
    "AgnoStreamError",
    "AnswerFailed",
    "AnswerStopped",
    "AnswerTimeout",
    "AsyncChat",
    "AsyncClient",
    "Chat",
    "Client",
    "Config",
    "ConnectionLost",
    "Conversation",
    "Exchange",
    "ForeignServer",
    "Message",
    "ModelInfo",
    "ModelResponse",
    "NotAllowed",
    "NotFound",
    "Overloaded",
    "RequestRefused",
    "ServerUnreachable",
    "StreamChunk",
    "__version__",
]
