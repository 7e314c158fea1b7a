"""Every error that the server reports, each with a stable code; `error_codes` is their registry.

AgnoStreamError
├── BadRequest              bad_request
│   ├── BadEventId          bad_last_event_id
│   ├── UnknownHost         unknown_host
│   └── InvalidField        invalid_field
│       ├── KeyReused       idempotency_key_reused
│       └── InvalidDecision invalid_decision
├── Unauthorized            unauthorized
│   └── NotSignedIn         not_signed_in
├── Forbidden
│   ├── LoopbackOnly        loopback_only
│   └── CrossSite           cross_site
├── NotFound                not_found
│   ├── UnknownAgent        unknown_agent
│   ├── UnknownModel        unknown_model
│   ├── UnknownRun          unknown_run
│   ├── UnknownConversation unknown_conversation
│   ├── UnknownTurn         unknown_turn
│   └── UnknownMedia        unknown_media
├── MethodNotAllowed        method_not_allowed
├── NoEmbeddings            no_embeddings
├── NoMcp                   no_mcp
├── BodyTimeout             body_timeout
├── HeadTimeout             head_timeout
├── ConversationBusy        conversation_busy
├── AlreadyAsked            already_asked
├── NotPaused               not_paused
├── Gap                     gap
├── TooLarge                too_large
├── AddressTooLong          address_too_long
├── HeadTooLarge            head_too_large
├── UnsupportedEncoding     unsupported_encoding
├── TooManyRuns             too_many_runs
├── RateLimited             rate_limited
├── Overloaded              overloaded
├── NotOpened               not_opened
├── JournalUnavailable      journal_unavailable
├── ConfigurationError      configuration_error (before the server serves)
├── InternalError           internal_error
└── RunFailed               a run that could not give its whole answer: see `run_failures`
"""

from .base import (
    AgnoStreamError,
    ConfigurationError,
    InternalError,
    NotOpened,
)
from .requests import (
    AddressTooLong,
    BadEventId,
    BadRequest,
    BodyTimeout,
    CrossSite,
    Forbidden,
    HeadTimeout,
    HeadTooLarge,
    InvalidField,
    KeyReused,
    LoopbackOnly,
    MethodNotAllowed,
    NoEmbeddings,
    NoMcp,
    NotFound,
    NotSignedIn,
    TooLarge,
    Unauthorized,
    UnknownAgent,
    UnknownHost,
    UnknownModel,
    UnsupportedEncoding,
)
from .runs import (
    AlreadyAsked,
    ConversationBusy,
    Gap,
    InvalidDecision,
    JournalUnavailable,
    NotPaused,
    Overloaded,
    RateLimited,
    TooManyRuns,
    UnknownConversation,
    UnknownMedia,
    UnknownRun,
    UnknownTurn,
)

__all__ = [
    "AddressTooLong",
    "AgnoStreamError",
    "AlreadyAsked",
    "BadEventId",
    "BadRequest",
    "BodyTimeout",
    "ConfigurationError",
    "ConversationBusy",
    "CrossSite",
    "Forbidden",
    "Gap",
    "HeadTimeout",
    "HeadTooLarge",
    "InternalError",
    "InvalidDecision",
    "InvalidField",
    "JournalUnavailable",
    "KeyReused",
    "LoopbackOnly",
    "MethodNotAllowed",
    "NoEmbeddings",
    "NoMcp",
    "NotFound",
    "NotOpened",
    "NotPaused",
    "NotSignedIn",
    "Overloaded",
    "RateLimited",
    "TooLarge",
    "TooManyRuns",
    "Unauthorized",
    "UnknownAgent",
    "UnknownConversation",
    "UnknownHost",
    "UnknownMedia",
    "UnknownModel",
    "UnknownRun",
    "UnknownTurn",
    "UnsupportedEncoding",
]
