"""The bodies of `/v1/messages` and `/v1/messages/count_tokens`. Unknown fields are ignored."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from ....core.errors import InvalidField
from ....core.question import ClientCall, ModelOptions, PastMessage, Question
from ...body_model import BodyModel
from ...histories import history_or_memory
from ...names import Target
from ...requests import ITEMS, MESSAGES, Int64, Name, end_user
from .blocks import (
    Block,
    MessageBlock,
    RedactedBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    attachments,
    check_known,
    join_texts,
    pictures,
)
from .redacted import fields_of, returned
from .tools import Tool, ToolChoice, chosen, client_tools

#: Characters per token, for a count without the model's own tokenizer.
CHARS_PER_TOKEN = 4


class Message(BodyModel):
    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[MessageBlock], *ITEMS]

    @property
    def blocks(self) -> list[Block]:
        if isinstance(self.content, str):
            return [TextBlock(type="text", text=self.content)]
        return list(self.content)

    def past(self, tools: dict[str, str]) -> Iterator[PastMessage]:
        """Yield the message as parts of a history: results of tools are messages of their own.

        `tools` maps the ids of calls to names of tools. Raises `InvalidField` for a block that the
        model could not be shown; those that other servers have put into an answer are passed over.
        """
        if self.role == "assistant":
            yield self._answer()
            return
        results = [block for block in self.blocks if isinstance(block, ToolResultBlock)]
        rest: list[Block] = [
            block for block in self.blocks if not isinstance(block, ToolResultBlock)
        ]
        check_known(rest)
        for result in results:
            check_known(result.blocks)
            yield PastMessage(
                role="tool",
                content=result.text,
                call_id=result.tool_use_id,
                tool=tools.get(result.tool_use_id),
            )
            # No provider reads media in the result of a tool: they follow it.
            rest += [block for block in result.blocks if not isinstance(block, TextBlock)]
        if rest or not results:
            yield PastMessage(
                role=self.role,
                content=join_texts(rest),
                images=pictures(rest),
                attachments=attachments(rest),
            )

    def _answer(self) -> PastMessage:
        """An earlier answer. What its provider wants back with the calls goes with them; that is
        the thinking, unless the provider has sent something else."""
        sealed = [returned(b.data) for b in self.blocks if isinstance(b, RedactedBlock)]
        wanted = {found["id"]: found for found in sealed if found}
        calls = tuple(
            ClientCall(
                block.id,
                block.name,
                json.dumps(block.input, ensure_ascii=False),
                fields_of(wanted.get(block.id, {}), "call"),
            )
            for block in self.blocks
            if isinstance(block, ToolUseBlock)
        )
        own = next(filter(None, (fields_of(found, "message") for found in wanted.values())), {})
        thoughts = [block.thinking for block in self.blocks if isinstance(block, ThinkingBlock)]
        thinking = "".join(thoughts) if calls else ""
        return PastMessage(
            role="assistant",
            content="".join(block.text for block in self.blocks if isinstance(block, TextBlock)),
            calls=calls,
            extra=own or ({"reasoning_content": thinking} if thinking else {}),
        )


class Thinking(BodyModel):
    type: Literal["enabled", "disabled", "adaptive"]


class OutputFormat(BodyModel):
    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(BodyModel):
    effort: str | None = None
    format: OutputFormat | None = None


class Metadata(BodyModel):
    user_id: str | None = None


class CountRequest(BodyModel):
    """The body of `/v1/messages/count_tokens`."""

    model: Name
    messages: Annotated[list[Message], *MESSAGES, Field(min_length=1)]
    system: str | Annotated[list[TextBlock], *ITEMS] | None = None
    tools: Annotated[list[Tool], *ITEMS] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None

    @property
    def system_text(self) -> str:
        return self.system if isinstance(self.system, str) else join_texts(self.system or [])

    def history(self) -> list[PastMessage]:
        """All messages, with the system text first; raises `InvalidField`."""
        blocks = [block for message in self.messages for block in message.blocks]
        tools = {block.id: block.name for block in blocks if isinstance(block, ToolUseBlock)}
        history = [past for message in self.messages for past in message.past(tools)]
        if self.system_text:
            history.insert(0, PastMessage("system", self.system_text))
        return history

    def estimate_tokens(self) -> int:
        """About how many tokens the request has, without its media; raises `InvalidField`."""
        texts = [past.content for past in self.history()]
        texts += [call.name + call.arguments for past in self.history() for call in past.calls]
        for tool in client_tools(self.tools or []):
            texts.append(tool.name + tool.description + json.dumps(tool.parameters))
        return max(1, sum(map(len, texts)) // CHARS_PER_TOKEN)


class MessageRequest(CountRequest):
    """The body of `/v1/messages`."""

    max_tokens: Annotated[Int64, Field(ge=1)] | None = None
    stream: bool | None = None
    stop_sequences: Annotated[list[str], *ITEMS] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: Int64 | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None

    def question(self, target: Target, *, kept: bool) -> Question:
        """Return the request as a `Question`; if `kept`, the server stores question and answer.

        Raises `InvalidField` for blocks and tools that are not read here, and for a text that
        cannot be stored, because it has a NUL character.
        """
        history = self.history()
        if kept and any("\0" in past.content for past in history):
            raise InvalidField("messages: a NUL character cannot be stored in a conversation")
        parts = history_or_memory(history, kept=kept)
        tools = client_tools(self.tools or [])
        choice, output = self.tool_choice, self.output_config or OutputConfig()
        return Question(
            message=parts.message,
            agent=target.agent,
            model=target.model,
            system=parts.system,
            history=parts.history,
            images=parts.images,
            attachments=parts.attachments,
            options=ModelOptions(
                temperature=self.temperature,
                max_tokens=self.max_tokens,
                top_p=self.top_p,
                top_k=self.top_k,
                stop=self.stop_sequences or None,
                reasoning_effort=output.effort,
            ),
            tools=tools,
            tool_choice=chosen(choice, tools),
            parallel_tool_calls=choice.parallel if choice else None,
            response_format=_format(output.format),
            think=self._think,
            kept=kept,
            user=end_user(self.metadata.user_id if self.metadata else None),
        )

    @property
    def _think(self) -> bool | None:
        if self.thinking is None or self.thinking.type == "adaptive":
            return None
        return self.thinking.type == "enabled"


def _format(wanted: OutputFormat | None) -> dict[str, Any] | None:
    """The format of an answer in the form of chat completions."""
    if wanted is None:
        return None
    schema = {"name": "answer", "schema": wanted.schema_, "strict": True}
    return {"type": "json_schema", "json_schema": schema}
