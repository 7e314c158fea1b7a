"""The client of agno-stream: streamed answers that survive lost connections."""

from agno_stream.async_client import AsyncClient
from agno_stream.chats import AsyncChat, Chat
from agno_stream.client import Client
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
from agno_stream.infos import (
    AgentInfo,
    Conversation,
    Exchange,
    Message,
    ModelInfo,
    PartInfo,
    RunInfo,
    ToolInfo,
)
from agno_stream.parts import (
    Citation,
    Media,
    NamedEvent,
    Part,
    Parts,
    Said,
    Speaker,
    Step,
    ToolCall,
)
from agno_stream.requests import MediaInput, attachment
from agno_stream.types import ModelResponse, StreamChunk
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
    "Citation",
    "Client",
    "Config",
    "ConnectionLost",
    "Conversation",
    "Exchange",
    "ForeignServer",
    "Media",
    "MediaInput",
    "Message",
    "ModelInfo",
    "ModelResponse",
    "NamedEvent",
    "NotAllowed",
    "NotFound",
    "Overloaded",
    "Part",
    "PartInfo",
    "Parts",
    "RequestRefused",
    "RunInfo",
    "Said",
    "ServerUnreachable",
    "Speaker",
    "Step",
    "StreamChunk",
    "ToolCall",
    "ToolInfo",
    "__version__",
    "attachment",
]
