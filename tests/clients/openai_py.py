"""The OpenAI SDK for Python."""

import json

import openai
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

SEE = {"name": "see", "description": "Look at a place.", "parameters": PLACE}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}


def connect(url):
    return openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0)


def ask(content, **more):
    return {"model": MODEL, "messages": [user(content)], **more}


def whole(client):
    completion = client.chat.completions.create(**ask(SAY))
    choice = completion.choices[0]
    return [choice.message.content, choice.finish_reason, completion.usage.completion_tokens]


def streamed(client):
    usage = {"include_usage": True}
    stream = client.chat.completions.create(**ask(SAY, stream=True, stream_options=usage))
    *chunks, last = stream
    pieces = [piece for chunk in chunks if (piece := chunk.choices[0].delta.content)]
    return ["".join(pieces), len(pieces) > 1, last.usage.completion_tokens]


def tools(client):
    asked = ask(CALL, tools=[{"type": "function", "function": SEE}])
    message = client.chat.completions.create(**asked).choices[0].message
    results = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": see(**json.loads(call.function.arguments)),
        }
        for call in message.tool_calls
    ]
    asked["messages"] += [message, *results]
    return client.chat.completions.create(**asked).choices[0].message.content


def image(client):
    return client.chat.completions.create(**ask([IMAGE])).choices[0].message.content


def responses(client):
    whole = client.responses.create(model=MODEL, input=SAY)
    with client.responses.stream(model=MODEL, input=SAY) as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        told = stream.get_final_response()
    assert whole.output_text == told.output_text, whole
    return ["".join(pieces), len(pieces) > 1, told.usage.output_tokens]


def models(client):
    return MODEL in [model.id for model in client.models.list()]


def read(client):
    stream = client.chat.completions.create(**ask(CUT, stream=True))
    return [chunk.choices[0].delta.content for chunk in stream]


FEATURES = {
    "answer": whole,
    "stream": streamed,
    "tools": tools,
    "image": image,
    "429": lambda client: refusal(lambda: client.chat.completions.create(**ask(LIMITED))),
    "400": lambda client: refusal(lambda: client.chat.completions.create(**ask(WRONG))),
    "broken stream": lambda client: broken(lambda: read(client)),
    "models": models,
    "responses": responses,
}

play(openai.__version__, connect, FEATURES)
