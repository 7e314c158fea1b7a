"""About how many bytes of memory a chunk takes."""

from .chat import StreamingChunk


def size_of(chunk: StreamingChunk) -> int:
    """About how many bytes of memory a chunk takes: its text, and the objects around it."""
    size = 200 + len(chunk.content)
    if chunk.reasoning is not None:
        size += len(chunk.reasoning)
    if chunk.content and not chunk.done:
        return size  # a token, which has nothing else
    if chunk.tool is not None:
        size += 500 + len(chunk.tool.result or "") + len(str(chunk.tool.arguments or ""))
        size += len(chunk.tool.arguments_text or "")
        if chunk.tool.provider_data is not None:
            size += len(str(chunk.tool.provider_data))
    if chunk.speaker is not None or chunk.step is not None or chunk.event is not None:
        size += _size_of_parts(chunk)
    if chunk.media is not None:
        size += 500 * len(chunk.media)
    if chunk.done or chunk.final is not None:
        size += sum(
            len(str(part))
            for part in (
                *(chunk.output, chunk.final, chunk.followups),
                *(chunk.session_state, chunk.citations, chunk.requirements),
            )
            if part is not None
        )
    return size


def _size_of_parts(chunk: StreamingChunk) -> int:
    """About how many bytes a chunk's speakers, steps and events take."""
    size = 300
    added = chunk.said
    if added is not None:
        size += len(added.content or "") + len(added.reasoning or "")
        if added.tool is not None:
            size += 500 + len(str(added.tool))
    if chunk.step is not None:
        size += len(chunk.step.message or "")
    if chunk.event is not None:
        size += len(str(chunk.event.data))
    return size
