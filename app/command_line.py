"""The words and flags of `agno-stream serve`."""

import argparse

from . import __version__
from .settings import Settings

#: The settings that most people need, which `serve --help` names.
MAIN = (
    *("openai_api_key", "openai_base_url", "ollama_host", "model", "models", "agents"),
    *("instructions", "data_dir", "database_url", "journal_url", "api_keys", "allow_anonymous"),
    *("cors_origins", "public_url", "rate_limit", "log_format"),
)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agno-stream", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="run the server",
        description="Serve agents over HTTP. Every setting can be given in the environment or in "
        ".env; these flags override both.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_main_settings(),
    )
    serve.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    serve.add_argument(
        "--port", type=int, help="the port to listen on, 0 for a free one (default: 8000)"
    )
    serve.add_argument("--agents", help="your own agents, as module:attribute, ...")
    serve.add_argument("--model", help="the default model, as openai:gpt-4o-mini or demo")
    serve.add_argument(
        "--reload", action="store_true", help="restart when a Python file changes, for development"
    )
    serve.add_argument(
        "--data-dir",
        metavar="DIR",
        help="the folder for all that is kept (default: the user's, which all applications share)",
    )
    serve.add_argument("--workers", type=int, help="the number of processes (default: 1)")
    return parser


def _main_settings() -> str:
    """The main settings, each with its description, as the end of a help text."""
    lines = [f"  {name.upper()}\n      {Settings.model_fields[name].description}" for name in MAIN]
    head = "the main settings, in the environment or in .env (docs/settings.md has all):"
    return "\n".join([head, *lines])
