"""LangChain: one set of calls, the chat model of either dialect (`python chain.py anthropic`)."""

import sys
from importlib.metadata import version

from common import (
    CALL,
    CUT,
    KEY,
    LIMITED,
    MODEL,
    PIXEL,
    SAY,
    WRONG,
    broken,
    play,
    refusal,
)
from common import see as look
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool


@tool
def see(at: str) -> str:
    """Look at a place."""
    return look(at)


def anthropic(url):
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model=MODEL, api_key=KEY, base_url=url, max_retries=0)


def openai(url):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=MODEL, api_key=KEY, base_url=f"{url}/v1", max_retries=0, stream_usage=True
    )


def whole(model):
    answer = model.invoke(SAY)
    reason = (
        answer.response_metadata.get("stop_reason") or answer.response_metadata["finish_reason"]
    )
    return [answer.text, reason, answer.usage_metadata["output_tokens"]]


def streamed(model):
    pieces = list(model.stream(SAY))
    texts = [piece.text for piece in pieces if piece.text]
    answer = sum(pieces[1:], pieces[0])
    return ["".join(texts), len(texts) > 1, answer.usage_metadata["output_tokens"]]


def tools(model):
    able = model.bind_tools([see])
    told = [HumanMessage(CALL)]
    told.append(able.invoke(told))
    told += [see.invoke(call) for call in told[-1].tool_calls]
    return able.invoke(told).text


def image(model):
    picture = {"type": "image", "base64": PIXEL, "mime_type": "image/png"}
    return model.invoke([HumanMessage([picture])]).text


FEATURES = {
    "answer": whole,
    "stream": streamed,
    "tools": tools,
    "image": image,
    "429": lambda model: refusal(lambda: model.invoke(LIMITED)),
    "400": lambda model: refusal(lambda: model.invoke(WRONG)),
    "broken stream": lambda model: broken(lambda: list(model.stream(CUT))),
}

CONNECT = {"anthropic": anthropic, "openai": openai}
play(version(f"langchain-{sys.argv[1]}"), CONNECT[sys.argv[1]], FEATURES)
