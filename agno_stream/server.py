"""The server under its installed name, in a clone.

A wheel has the server's files in this place. In a clone they lie in `app/`, beside this package:
this module loads that folder as the package `agno_stream.server`.

See docs/decisions/034-one-package-with-two-names.md.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1] / "app"
_SPEC = spec_from_file_location(
    __name__, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
)
assert _SPEC is not None
assert _SPEC.loader is not None
_SERVER = module_from_spec(_SPEC)
sys.modules[__name__] = _SERVER
_SPEC.loader.exec_module(_SERVER)
