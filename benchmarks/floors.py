"""What the clients of the provider take by themselves, on the requests that a run has sent."""

import time


def floors(url, bodies):
    """Seconds that each request takes a bare client: our adapter alone, the `openai` package's own, HTTP unread."""
    import httpx
    import openai

    from l2mac.processor.openai import OpenAIProcessor

    adapter = OpenAIProcessor("loopback", url, "sk-loopback")
    client = openai.OpenAI(base_url=url, api_key="sk-loopback", max_retries=0)
    raw = {"cast_to": httpx.Response, "stream": True, "stream_cls": openai.Stream[object]}
    clients = {
        "adapter": lambda body, given: adapter.complete(given),
        "openai": lambda body, given: list(client.chat.completions.create(**body)),
        "http": lambda body, given: client.post("/chat/completions", body=body, **raw).read(),
    }
    taken = {name: [] for name in clients}
    for body in bodies[:1] + bodies:  # the first opens the connection and is not counted
        given = request(body)
        for name, ask in clients.items():
            began = time.perf_counter()
            ask(body, given)
            taken[name].append(time.perf_counter() - began)
    return {name: seconds[1:] for name, seconds in taken.items()}


def request(body):
    """A parsed body as the request that it was made from."""
    from l2mac.processor.protocol import Message, Request, ToolCall, ToolSpec

    messages = [
        Message(
            it["role"],
            it["content"] or "",
            tuple(ToolCall(call["id"], **call["function"]) for call in it.get("tool_calls", ())),
            it.get("tool_call_id", ""),
        )
        for it in body["messages"]
    ]
    tools = tuple(ToolSpec(**it["function"]) for it in body["tools"])
    return Request("1/I1/0/1", tuple(messages), tools, body["max_tokens"])
