"""The protocol, by MCP's official SDK, which only this module and `messages` import."""

from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from starlette.types import Receive, Scope, Send

from .... import __version__
from ....core.errors import AgnoStreamError
from ....core.runs.pauses.inbox import Waiting
from .calls import Caller, follow, go_on, start, start_task
from .messages import (
    Context,
    check_task,
    decisions_of,
    dumped,
    extensions_of,
    input_required,
    protocol_error,
    reporter,
    shows_forms,
    tool_result,
)
from .results import CallResult, failed
from .tasks import EXTENSION, task_fields, task_state
from .tools import INPUT, OUTPUT, agents_by_tool, arguments_of, description_of

INSTRUCTIONS = (
    "Each tool is an agent, a team or a workflow that answers a message. To go on with a "
    "conversation, send the conversation_id of an earlier result."
)


class TaskParams(types.RequestParams):
    task_id: str


class UpdateParams(TaskParams):
    input_responses: dict[str, Any]


async def serve(caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one message."""
    handlers = Handlers(caller)
    sdk: Server[Any] = Server(
        "agno-stream",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        get_tool_input_schema=lambda name: INPUT,
    )
    sdk.extensions = {EXTENSION: {}}
    sdk.add_request_handler("tasks/get", TaskParams, handlers.get_task)
    sdk.add_request_handler("tasks/update", UpdateParams, handlers.update_task)
    sdk.add_request_handler("tasks/cancel", TaskParams, handlers.cancel_task)
    manager = StreamableHTTPSessionManager(
        sdk, stateless=True, max_request_body_size=caller.server.body.size + 1
    )
    async with manager.run():
        await manager.handle_request(scope, receive, send)


class Handlers:
    """The methods of one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._server = caller.server

    async def list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        """Each agent as a tool."""
        tools = [
            types.Tool(
                name=name,
                title=self._server.agents.entries[agent].name,
                description=description_of(self._server, agent),
                input_schema=INPUT,
                output_schema=OUTPUT,
            )
            for name, agent in agents_by_tool(self._server).items()
        ]
        return types.ListToolsResult(tools=tools)

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        """Ask an agent: its answer, a task, or what a person has to decide."""
        agent = agents_by_tool(self._server).get(params.name)
        if agent is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name}")
        try:
            result = await self._call(ctx, agent, params)
        except AgnoStreamError as error:
            return tool_result(failed(error))
        if not isinstance(result, CallResult):
            return result
        answer = result.answer
        if answer is not None and answer.requirements and shows_forms(ctx):
            return input_required(answer.run_id, answer.requirements)
        return tool_result(result)

    async def _call(
        self, ctx: Context, agent: str, params: types.CallToolRequestParams
    ) -> CallResult | dict[str, Any]:
        caller, report = self._caller, reporter(ctx)
        if params.request_state is not None:
            waiting = await self._server.inbox.find(params.request_state, caller.principal)
            decisions = decisions_of(waiting, params.input_responses or {})
            return await follow(caller, await go_on(caller, waiting, decisions), report)
        arguments = arguments_of(params.arguments)
        if EXTENSION in extensions_of(ctx):
            record = await start_task(caller, agent, arguments)
            fields = task_fields(self._server, record, "working", record.created_at)
            return {"resultType": "task", **fields}
        key = caller.key(ctx.request_id, [params.name, params.arguments])
        return await follow(caller, await start(caller, agent, arguments, key), report)

    async def get_task(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        """A task as it is now."""
        check_task(ctx, params.task_id)
        try:
            task = await task_state(self._server, self._caller.principal, params.task_id)
            fields = {**task.fields, "resultType": "complete"}
            if task.status == "input_required":
                requests = input_required("", task.requirements).input_requests or {}
                fields["inputRequests"] = {name: dumped(one) for name, one in requests.items()}
            elif task.status == "completed":
                run_id = task.last.run_id
                follower = await self._server.runs.follow(
                    run_id, 0, principal=self._caller.principal
                )
                fields["result"] = dumped(tool_result(await follow(self._caller, follower, None)))
        except AgnoStreamError as error:
            raise protocol_error(error) from None
        return fields

    async def update_task(self, ctx: Context, params: UpdateParams) -> dict[str, Any]:
        """Decide on what a task waits for; answers on what it does not wait for are ignored."""
        check_task(ctx, params.task_id)
        try:
            task = await task_state(self._server, self._caller.principal, params.task_id)
            known = {item.id for item in task.requirements}
            given = {name: one for name, one in params.input_responses.items() if name in known}
            if given:
                waiting = Waiting(task.last, task.requirements)
                follower = await go_on(self._caller, waiting, decisions_of(waiting, given))
                follower.close()
        except AgnoStreamError as error:
            raise protocol_error(error) from None
        return {"resultType": "complete"}

    async def cancel_task(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        """Cancel the run that a task has come to; one that has ended is not changed."""
        check_task(ctx, params.task_id)
        try:
            task = await task_state(self._server, self._caller.principal, params.task_id)
            await self._server.runs.cancel(task.last.run_id, principal=self._caller.principal)
        except AgnoStreamError as error:
            raise protocol_error(error) from None
        return {"resultType": "complete"}
