"""The native door's routes: `POST /api/v1/chat`, `GET /api/v1/chat`, `POST /chat`."""

from .doors.native.routes import router

__all__ = ["router"]
