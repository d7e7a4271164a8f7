"""cpex's plugin: a hook that hands back what it is given."""

from cpex.framework import Plugin, PluginContext, ToolPreInvokePayload, ToolPreInvokeResult


class Echo(Plugin):  # type: ignore[misc]  # of the peer's environment: unknown here
    async def tool_pre_invoke(self, payload: ToolPreInvokePayload, _: PluginContext) -> ToolPreInvokeResult:
        return ToolPreInvokeResult(modified_payload=payload)
