"""The Anthropic SDK for Python, from 0.40 on."""

import anthropic
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

TOOLS = [{"name": "see", "description": "Look at a place.", "input_schema": PLACE}]
SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}


def connect(url):
    return anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0)


def ask(content, **more):
    return {"model": MODEL, "max_tokens": 200, "messages": [user(content)], **more}


def whole(client):
    message = client.messages.create(**ask(SAY))
    return [message.content[0].text, message.stop_reason, message.usage.output_tokens]


def streamed(client):
    with client.messages.stream(**ask(SAY)) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    return ["".join(pieces), len(pieces) > 1, message.usage.output_tokens]


def tools(client):
    asked = ask(CALL, tools=TOOLS)
    message = client.messages.create(**asked)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": see(**block.input)}
        for block in message.content
        if block.type == "tool_use"
    ]
    asked["messages"] += [{"role": "assistant", "content": message.content}, user(results)]
    return client.messages.create(**asked).content[0].text


def image(client):
    return client.messages.create(**ask([{"type": "image", "source": SOURCE}])).content[0].text


def count(client):
    return client.messages.count_tokens(model=MODEL, messages=[user(SAY)]).input_tokens > 0


def models(client):
    return MODEL in [model.id for model in client.models.list()]


FEATURES = {
    "answer": whole,
    "stream": streamed,
    "tools": tools,
    "image": image,
    "429": lambda client: refusal(lambda: client.messages.create(**ask(LIMITED))),
    "400": lambda client: refusal(lambda: client.messages.create(**ask(WRONG))),
    "broken stream": lambda client: broken(lambda: read(client)),
}
if hasattr(anthropic.Anthropic, "models"):
    FEATURES |= {"count tokens": count, "models": models}


def read(client):
    with client.messages.stream(**ask(CUT)) as stream:
        return "".join(stream.text_stream)


play(anthropic.__version__, connect, FEATURES)
