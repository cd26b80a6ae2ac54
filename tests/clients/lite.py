"""LiteLLM: its one call, over the provider of either dialect (`python lite.py anthropic`)."""

import json
import sys
from importlib.metadata import version

import litellm
from common import (
    CALL,
    CUT,
    KEY,
    LIMITED,
    MODEL,
    PIXEL,
    PLACE,
    SAY,
    WRONG,
    broken,
    play,
    refusal,
    see,
    user,
)

PROVIDER = sys.argv[1]
SEE = {"name": "see", "description": "Look at a place.", "parameters": PLACE}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}


def connect(url):
    base = url if PROVIDER == "anthropic" else f"{url}/v1"
    return {"model": f"{PROVIDER}/{MODEL}", "api_base": base, "api_key": KEY, "num_retries": 0}


def complete(client, messages, **more):
    return litellm.completion(**client, messages=messages, max_tokens=200, max_retries=0, **more)


def whole(client):
    completion = complete(client, [user(SAY)])
    choice = completion.choices[0]
    return [choice.message.content, choice.finish_reason, completion.usage.completion_tokens]


def streamed(client):
    chunks = list(
        complete(client, [user(SAY)], stream=True, stream_options={"include_usage": True})
    )
    pieces = [p for chunk in chunks if chunk.choices and (p := chunk.choices[0].delta.content)]
    usage = litellm.stream_chunk_builder(chunks).usage
    return ["".join(pieces), len(pieces) > 1, usage.completion_tokens]


def tools(client):
    told = [user(CALL)]
    offered = [{"type": "function", "function": SEE}]
    message = complete(client, told, tools=offered).choices[0].message
    told.append(message.model_dump())
    told += [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": see(**json.loads(call.function.arguments)),
        }
        for call in message.tool_calls
    ]
    return complete(client, told, tools=offered).choices[0].message.content


def image(client):
    return complete(client, [user([IMAGE])]).choices[0].message.content


FEATURES = {
    "answer": whole,
    "stream": streamed,
    "tools": tools,
    "image": image,
    "429": lambda client: refusal(lambda: complete(client, [user(LIMITED)])),
    "400": lambda client: refusal(lambda: complete(client, [user(WRONG)])),
    "broken stream": lambda client: broken(
        lambda: list(complete(client, [user(CUT)], stream=True))
    ),
}

play(version("litellm"), connect, FEATURES)
